import { schedulerOf } from "./flat-record";
import type { UncheckedGeneration } from "./generation";
import { isObject, type JsonObject } from "./json-object";
import { fileStem } from "./model-file";

/** Parses Draw Things' comment; undefined for comments of other programs. */
export function fromDrawThings(record: JsonObject): UncheckedGeneration | undefined {
  const { c: prompt, uc, scale, sampler, strength, lora: loras, size: dimensions } = record;
  if (typeof prompt !== "string" || (uc ?? scale ?? record["model"]) === undefined)
    return undefined;
  const size = /^(\d{1,5})x(\d{1,5})$/.exec(typeof dimensions === "string" ? dimensions : "");
  return {
    prompt,
    negativePrompt: uc,
    modelName: fileStem(record["model"]),
    seed: record["seed"],
    steps: record["steps"],
    cfgScale: scale,
    scheduler: typeof sampler === "string" ? schedulerOf(sampler, undefined) : undefined,
    width: size ? Number(size[1]) : record["width"],
    height: size ? Number(size[2]) : record["height"],
    // 1 means text to image.
    strength: strength === 1 ? undefined : strength,
    loras: (Array.isArray(loras) ? loras : []).filter(isObject).map((lora) => ({
      name: fileStem(lora["model"]),
      weight: lora["weight"],
    })),
  };
}
