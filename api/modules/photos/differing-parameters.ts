import type { Model } from "#db/schema/models";
import type { Photo } from "#db/schema/photos";
import type { Reference } from "#generation-references";
import { referencesToWire } from "../../fields/references";
import { generationMetadata, generationToWire } from "./generation-metadata";
import { areSameModel, identityOf, normalizedValues } from "./same-parameters";

/**
 * The recorded parameters in which photos differ, by wire name, with the value of each photo in the order given; null
 * if it has none. Values with the same meaning do not differ: a missing value and its default, LoRAs in another order,
 * the key of another installation for the same weights.
 * @param models the known models that the photos name, by recorded key
 */
export function differingParameters(
  photos: readonly Pick<Photo, "generation" | "references">[],
  models: ReadonlyMap<string, Model>,
): { name: string; values: unknown[] }[] {
  const made = photos.map(({ generation }) => generation);
  const wireValues = made.map((one) => (one === null ? {} : generationToWire(one)));
  const normalized = made.map((one) => (one === null ? {} : normalizedValues(one, models)));
  const isOneModel = areSameModel(made.map((one) => one && identityOf(one, models)));
  const parameters = Object.keys(generationMetadata.properties)
    .filter((name) => !(isOneModel && name.startsWith("model_")))
    .filter((name) => {
      const [first, ...others] = normalized.map((one) => one[name] ?? null);
      return others.some((other) => !Bun.deepEquals(first, other));
    })
    .map((name) => ({
      name,
      values: wireValues.map((one): unknown => one[name as keyof typeof one] ?? null),
    }));
  const references = photos.map((photo) => photo.references);
  const [first, ...others] = references.map((list) => withWeights(list, models));
  if (others.every((other) => Bun.deepEquals(first, other))) return parameters;
  const values = references.map((list) => list && referencesToWire(list));
  return [...parameters, { name: "references", values }];
}

/** With the weights of its adapters in place of their keys. */
function withWeights(references: Reference[] | null, models: ReadonlyMap<string, Model>) {
  return references?.map(({ modelKey = "", encoderKey: _reader, ...reference }) => ({
    ...reference,
    adapter: models.get(modelKey)?.hash ?? modelKey,
  }));
}
