import type { GenerationMetadata } from "#db/schema/photos";
import { generationMetadata, generationToWire } from "./generation-metadata";

/**
 * The recorded parameters in which pictures differ, by their names on the wire, with the value of each picture in the
 * order given; null where a picture has none.
 */
export function differingParameters(
  made: readonly (GenerationMetadata | null)[],
): { name: string; values: unknown[] }[] {
  const shown = made.map((one) => (one === null ? {} : generationToWire(one)));
  return Object.keys(generationMetadata.properties)
    .map((name) => ({
      name,
      values: shown.map((one): unknown => one[name as keyof typeof one] ?? null),
    }))
    .filter(({ values: [first, ...others] }) =>
      others.some((other) => !Bun.deepEquals(first, other)),
    );
}
