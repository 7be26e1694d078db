import type { Model } from "#db/schema/models";
import type { GenerationMetadata } from "#db/schema/photos";
import { generationMetadata, generationToWire } from "./generation-metadata";
import { areSameModel, identityOf, normalizedValues } from "./same-parameters";

/**
 * The recorded parameters in which photos differ, by wire name, with the value of each photo in the order given; null
 * if it has none. Values with the same meaning do not differ: a missing value and its default, LoRAs in another order,
 * the key of another installation for the same weights.
 * @param models the known models that the photos name, by recorded key
 */
export function differingParameters(
  made: readonly (GenerationMetadata | null)[],
  models: ReadonlyMap<string, Model>,
): { name: string; values: unknown[] }[] {
  const wireValues = made.map((one) => (one === null ? {} : generationToWire(one)));
  const normalized = made.map((one) => (one === null ? {} : normalizedValues(one, models)));
  const isOneModel = areSameModel(made.map((one) => one && identityOf(one, models)));
  return Object.keys(generationMetadata.properties)
    .filter((name) => !(isOneModel && name.startsWith("model_")))
    .filter((name) => {
      const [first, ...others] = normalized.map((one) => one[name] ?? null);
      return others.some((other) => !Bun.deepEquals(first, other));
    })
    .map((name) => ({
      name,
      values: wireValues.map((one): unknown => one[name as keyof typeof one] ?? null),
    }));
}
