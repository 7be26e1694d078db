import type { Model } from "#db/schema/models";
import type { GenerationMetadata } from "#db/schema/photos";
import { optionsOf } from "#generation-parameters";
import type { RecalledParameters } from "./recalled-parameters";
import { seedCount } from "./parameters";

/** A photo's recorded prompts and parameters that can be used again. */
export type Recalled = {
  prompt: string | null;
  negativePrompt: string | null;
  parameters: RecalledParameters;
};

/** A LoRA as web UIs write it into a prompt: `<lora:name:weight>`. */
const loraTags = /<(?:lora|lyco):([^<>:]{1,200})(?::[^<>]{0,200})?>/g;

/**
 * A photo's recorded parameters, without the seed, for use with `model`. VAEs and LoRAs that InvokeAI does not have are
 * left out. The tag of a LoRA stays in the prompt unless the LoRA itself is recalled.
 * @param recordedWith the photo's recorded model, if known; if its base differs, size and sampling are not recalled
 * @param available VAEs and LoRAs
 */
export function recall(
  made: GenerationMetadata,
  model: Model,
  recordedWith: Model | undefined,
  available: readonly Model[],
): Recalled {
  const ofBase = available.filter((part) => part.base === model.base);
  const loras = recallLoras(made, ofBase);
  const isOtherBase = recordedWith !== undefined && recordedWith.base !== model.base;
  const numbers: RecalledParameters = {
    width: made.width,
    height: made.height,
    steps: made.steps,
    cfgScale: made.cfgScale,
    scheduler: made.scheduler,
    ...optionsOf(made),
  };
  const vaeBases = model.accepts?.vaeBases ?? [model.base];
  const vae = available.find(
    ({ type, key, base }) => type === "vae" && key === made.vaeKey && vaeBases.includes(base),
  );
  return {
    prompt: made.prompt === undefined ? null : withoutTags(made.prompt, loras.names),
    negativePrompt: made.negativePrompt ?? null,
    parameters: {
      ...(!isOtherBase && numbers),
      ...(vae && { vaeKey: vae.key }),
      ...(loras.recalled.length > 0 && { loras: loras.recalled }),
    },
  };
}

/** A photo's seed, if InvokeAI accepts it: other programs use seeds of 2³² and above. */
export function recallSeed(made: GenerationMetadata | null): number | undefined {
  const seed = made?.seed;
  return seed !== undefined && seed < seedCount ? seed : undefined;
}

/** Why a photo's model was not found: none is recorded, InvokeAI does not have it, or several have its name. */
export type NoModel = "unnamed" | "unknown" | "ambiguous";

/**
 * Finds a photo's recorded model among those that InvokeAI has now: by its key unless the hash differs, else by its
 * hash, else by a name that only one model has.
 */
export function recallModel(
  made: GenerationMetadata,
  available: readonly Model[],
): Model | NoModel {
  const { modelKey, modelHash, modelName } = made;
  if (modelKey === undefined && modelHash === undefined && modelName === undefined)
    return "unnamed";
  const usable = available.filter((model) => model.type === "main" && model.accepts !== null);
  const found =
    usable.find(({ key, hash }) => key === modelKey && (!modelHash || hash === modelHash)) ??
    usable.find(({ hash }) => hash === modelHash);
  if (found) return found;
  const namesakes = usable.filter(({ name }) => isSameName(name, modelName));
  if (namesakes.length > 1) return "ambiguous";
  return namesakes[0] ?? "unknown";
}

function recallLoras({ loras = [] }: GenerationMetadata, ofBase: readonly Model[]) {
  const recalled: { modelKey: string; weight: number }[] = [];
  const names = new Set<string>();
  const known = ofBase.filter((part) => part.type === "lora");
  for (const { modelKey, name, weight } of loras) {
    const namesakes = known.filter((lora) => isSameName(lora.name, name));
    const lora =
      known.find(({ key }) => key === modelKey) ??
      (namesakes.length === 1 ? namesakes[0] : undefined);
    if (!lora || recalled.some((other) => other.modelKey === lora.key)) continue;
    recalled.push({ modelKey: lora.key, weight });
    if (name !== undefined) names.add(name);
  }
  return { recalled, names };
}

function withoutTags(prompt: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return prompt;
  const rest = prompt.replace(loraTags, (tag, name: string) => (names.has(name) ? "" : tag));
  // Without its tags the prompt would be empty.
  return rest === prompt || rest.trim() === "" ? prompt : rest.replace(/ {2,}/g, " ").trim();
}

/** `Dreamy 8`, `dreamy_8` and `dreamy_8.safetensors` are the same name. */
function isSameName(name: string, recorded: string | undefined): boolean {
  return recorded !== undefined && nameKey(name) === nameKey(recorded);
}

function nameKey(name: string): string {
  const stem = name.toLowerCase().replace(/\.(?:safetensors|ckpt|pt|bin|gguf)$/, "");
  return stem.replace(/[\s_.-]+/g, " ").trim();
}
