import { Kind, type TSchema, TypeRegistry } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

const kind = "TextOfCharacters";

type Bounds = { minLength?: number; maxLength?: number };

TypeRegistry.Set<TSchema & Bounds>(kind, (schema, value) => {
  if (typeof value !== "string") return false;
  const { minLength = 0, maxLength = Infinity, ...rest } = schema;
  // A code point takes at most two units: most texts need no counting.
  const isLong = value.length > maxLength && Array.from(value).length > maxLength;
  const isShort = value.length < minLength * 2 && Array.from(value).length < minLength;
  return !isLong && !isShort && Value.Check({ ...rest, [Kind]: "String" }, value);
});

/**
 * Has every bound on a text's length in this schema count characters (code points), as JSON Schema 6.3.1 says and as
 * people do; TypeBox counts UTF-16 units, of which an emoji has two.
 */
export function countCharacters<T>(schema: T): T {
  if (typeof schema !== "object" || schema === null) return schema;
  const own = schema as { [Kind]?: string } & Bounds;
  const isBounded = own.minLength !== undefined || own.maxLength !== undefined;
  if (own[Kind] === "String" && isBounded) own[Kind] = kind;
  for (const inner of Object.values(schema)) countCharacters(inner);
  return schema;
}

/** What a text should have been, where its length is at fault; undefined for other kinds of schema. */
export function lengthWanted(schema: unknown): string | undefined {
  const { minLength, maxLength, ...rest } = (schema ?? {}) as { [Kind]?: string } & Bounds;
  if (rest[Kind] !== kind) return undefined;
  if (maxLength === undefined) return `Expected a text of at least ${minLength} characters`;
  return `Expected a text of ${minLength ?? 0} to ${maxLength} characters`;
}
