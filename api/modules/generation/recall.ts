import type { Model } from "#db/schema/models";
import type { GenerationMetadata } from "#db/schema/photos";
import type { RecalledParameters } from "./recalled-parameters";
import { seedCount } from "./parameters";

/** A picture's own prompts and parameters, as far as they can be asked for again. */
export type Recalled = {
  prompt: string | null;
  negativePrompt: string | null;
  parameters: RecalledParameters;
};

/** As web UIs write a LoRA into a prompt: `<lora:name:weight>`. */
const loraTags = /<(?:lora|lyco):([^<>:]{1,200})(?::[^<>]{0,200})?>/g;

/**
 * What a picture was made with, for a model that InvokeAI has now. Parts that InvokeAI does not have are left out; the
 * tag of a LoRA stays in the prompt unless the LoRA itself is taken. No seed.
 * @param recordedWith the model the picture was made with, where it is known; of another base, its numbers mean little
 * @param available VAEs and LoRAs
 */
export function recall(
  made: GenerationMetadata,
  model: Model,
  recordedWith: Model | undefined,
  available: readonly Model[],
): Recalled {
  const ofBase = available.filter((part) => part.base === model.base);
  const loras = takeLoras(made, ofBase);
  const isOtherBase = recordedWith !== undefined && recordedWith.base !== model.base;
  const numbers: RecalledParameters = {
    width: made.width,
    height: made.height,
    steps: made.steps,
    cfgScale: made.cfgScale,
    scheduler: made.scheduler,
    clipSkip: made.clipSkip,
    guidance: made.guidance,
  };
  const vae = ofBase.find((part) => part.type === "vae" && part.key === made.vaeKey);
  return {
    prompt: made.prompt === undefined ? null : withoutTags(made.prompt, loras.names),
    negativePrompt: made.negativePrompt ?? null,
    parameters: {
      ...(!isOtherBase && numbers),
      ...(vae && { vaeKey: vae.key }),
      ...(loras.taken.length > 0 && { loras: loras.taken }),
    },
  };
}

/** A picture's seed, where InvokeAI can draw from it: it takes seeds modulo 2³², which other programs do not. */
export function recallSeed(made: GenerationMetadata | null): number | undefined {
  const seed = made?.seed;
  return seed !== undefined && seed < seedCount ? seed : undefined;
}

/** Why the model of a picture is not known here: it names none, or one that InvokeAI does not have, or has several of. */
export type NoModel = "unnamed" | "unknown" | "ambiguous";

/**
 * The model a picture was made with, as InvokeAI has it now: by its key while the weights are the same, by its hash, or
 * by a name that only one model has.
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
  const called = usable.filter(({ name }) => isSameName(name, modelName));
  if (called.length > 1) return "ambiguous";
  return called[0] ?? "unknown";
}

function takeLoras({ loras = [] }: GenerationMetadata, ofBase: readonly Model[]) {
  const taken: { modelKey: string; weight: number }[] = [];
  const names = new Set<string>();
  const known = ofBase.filter((part) => part.type === "lora");
  for (const { modelKey, name, weight } of loras) {
    const called = known.filter((lora) => isSameName(lora.name, name));
    const lora =
      known.find(({ key }) => key === modelKey) ?? (called.length === 1 ? called[0] : undefined);
    if (!lora || taken.some((other) => other.modelKey === lora.key)) continue;
    taken.push({ modelKey: lora.key, weight });
    if (name !== undefined) names.add(name);
  }
  return { taken, names };
}

function withoutTags(prompt: string, names: ReadonlySet<string>): string {
  if (names.size === 0) return prompt;
  const rest = prompt.replace(loraTags, (tag, name: string) => (names.has(name) ? "" : tag));
  // A prompt of nothing but tags still says something.
  return rest === prompt || rest.trim() === "" ? prompt : rest.replace(/ {2,}/g, " ").trim();
}

/** `Dreamy 8`, `dreamy_8` and `dreamy_8.safetensors` are one name. */
function isSameName(name: string, recorded: string | undefined): boolean {
  return recorded !== undefined && nameKey(name) === nameKey(recorded);
}

function nameKey(name: string): string {
  const bare = name.toLowerCase().replace(/\.(?:safetensors|ckpt|pt|bin|gguf)$/, "");
  return bare.replace(/[\s_.-]+/g, " ").trim();
}
