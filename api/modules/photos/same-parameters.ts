import type { Model } from "#db/schema/models";
import type { GenerationMetadata } from "#db/schema/photos";
import { eachOptionOnWire, type Options } from "#generation-parameters";
import { companionsToWire } from "../../fields/companions";
import { generationToWire } from "./generation-metadata";

type Models = ReadonlyMap<string, Model>;

/** How a photo names its model; undefined: not recorded. */
type Identity = Record<"key" | "hash" | "name", string | undefined>;

/** Programs compute with 32-bit numbers, and write 0.7 as 0.699999988079071. */
const significantDigits = 6;

/** A photo's parameters by wire name, normalized: values with the same meaning are equal. */
export function normalizedValues(
  made: GenerationMetadata,
  models: Models,
): Readonly<Record<string, unknown>> {
  const defaults = (made.modelKey === undefined ? undefined : models.get(made.modelKey))?.defaults;
  const defaultOptions: Options = defaults ?? {};
  const weightsOf = (key: string | undefined) =>
    key === undefined ? undefined : (models.get(key)?.hash ?? key);
  // The default VAE of the main model, and the main model's own key, count as no VAE.
  const defaultVaes = [weightsOf(defaults?.vaeKey), weightsOf(made.modelKey)];
  const vae = weightsOf(made.vaeKey);
  return {
    ...generationToWire(made),
    prompt: made.prompt === undefined ? undefined : textOf(made.prompt),
    negative_prompt: textOf(made.negativePrompt ?? ""),
    steps: made.steps ?? defaults?.steps,
    cfg_scale: numberOf(made.cfgScale ?? defaults?.cfgScale),
    scheduler: (made.scheduler ?? defaults?.scheduler)?.toLowerCase(),
    width: made.width ?? defaults?.width,
    height: made.height ?? defaults?.height,
    // Text to image and a strength of 1 both use nothing of a source.
    strength: numberOf(made.strength ?? 1),
    vae_key: defaultVaes.includes(vae) ? undefined : vae,
    ...companionsToWire(made, (key) => weightsOf(key) ?? key),
    ...eachOptionOnWire((name, { absent }) =>
      numberOf(made[name] ?? defaultOptions[name] ?? absent),
    ),
    loras: (made.loras ?? [])
      .map(({ modelKey, name, weight }) => ({
        model: weightsOf(modelKey) ?? nameOf(name),
        weight: numberOf(weight),
      }))
      .toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
  };
}

export function identityOf(made: GenerationMetadata, models: Models): Identity {
  const known = made.modelKey === undefined ? undefined : models.get(made.modelKey);
  return {
    key: made.modelKey,
    hash: made.modelHash ?? known?.hash,
    name: nameOf(made.modelName ?? known?.name),
  };
}

/** Whether all photos were made with one model. null: a photo without generation metadata. */
export function areSameModel(identities: readonly (Identity | null)[]): boolean {
  const [first, ...others] = identities;
  return !!first && others.every((other) => !!other && isSame(first, other));
}

/** Compares hashes, else keys, else names: programs differ in what they record, and in how they hash. */
function isSame(one: Identity, other: Identity): boolean {
  const isHashed = isComparable(one.hash, other.hash);
  if (isHashed) return one.hash === other.hash;
  if (one.key !== undefined && other.key !== undefined) return one.key === other.key;
  return one.name !== undefined && one.name === other.name;
}

/** InvokeAI's hashes have the algorithm as a prefix; other programs record only a part of a hash. */
function isComparable(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.split(":").length === other.split(":").length && one.length === other.length;
}

function nameOf(name: string | undefined): string | undefined {
  return name?.replace(/\.(?:safetensors|ckpt)$/i, "");
}

function textOf(text: string): string {
  return text.replaceAll("\r\n", "\n").trim();
}

function numberOf(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toPrecision(significantDigits));
}
