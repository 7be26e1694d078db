import type { TSchema } from "elysia";
import { type CompanionKeys, type CompanionOnWire, companions } from "#generation-parameters";

/** A field of a schema for the key of each companion. */
export function companionFields<Field extends TSchema>(
  field: Field,
): Record<CompanionOnWire, Field> {
  const fields = companions.map(({ wire }) => [wire, field]);
  return Object.fromEntries(fields) as Record<CompanionOnWire, Field>;
}

/** The keys of the companions by wire name, as `valueOf` shows them. */
export function companionsToWire(
  fields: { [Name in keyof CompanionKeys]?: string | undefined },
  valueOf: (key: string) => string = (key) => key,
): { [Name in CompanionOnWire]?: string } {
  const entries = companions.flatMap(({ field, wire }) => {
    const key = fields[field];
    return key === undefined ? [] : [[wire, valueOf(key)]];
  });
  return Object.fromEntries(entries);
}
