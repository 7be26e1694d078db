import { companions, eachOption } from "#generation-parameters";
import { isObject, type JsonObject } from "./json-object";
import type { UncheckedGeneration } from "./generation";

/** Reads InvokeAI's metadata since version 3 (`core_metadata`; before version 4 models have only a name). */
export function fromInvokeMetadata(record: JsonObject): UncheckedGeneration {
  const model = objectOr(record["model"]);
  return {
    prompt: record["positive_prompt"],
    negativePrompt: record["negative_prompt"],
    modelKey: model["key"],
    modelHash: model["hash"],
    modelName: model["name"] ?? model["model_name"],
    seed: record["seed"],
    steps: record["steps"],
    cfgScale: record["cfg_scale"],
    scheduler: record["scheduler"],
    width: record["width"],
    height: record["height"],
    strength: record["strength"],
    vaeKey: objectOr(record["vae"])["key"],
    ...Object.fromEntries(
      companions.map(({ field, recorded }) => [
        field,
        recorded.map((name) => objectOr(record[name])["key"]).find((key) => key !== undefined),
      ]),
    ),
    ...eachOption((_name, { wire }) => record[wire]),
    loras: listOr(record["loras"]).map((entry) => {
      const said = objectOr(entry);
      const lora = objectOr(said["model"] ?? said["lora"]);
      return {
        modelKey: lora["key"],
        name: lora["name"] ?? lora["model_name"],
        weight: said["weight"],
      };
    }),
  };
}

/** Reads `sd-metadata` of InvokeAI 2: an object for the program, which contains one for the picture. */
export function fromOldInvokeMetadata(record: JsonObject): UncheckedGeneration {
  const image = objectOr(record["image"]);
  const prompts = listOr(image["prompt"]).map((part) => objectOr(part)["prompt"]);
  return {
    prompt: prompts.length > 0 ? prompts.filter(isText).join(" ") : image["prompt"],
    modelHash: record["model_hash"],
    modelName: record["model_weights"],
    seed: image["seed"],
    steps: image["steps"],
    cfgScale: image["cfg_scale"],
    scheduler: oldScheduler(image["sampler"]),
    width: image["width"],
    height: image["height"],
    strength: image["strength"],
  };
}

/** Maps a sampler name of InvokeAI 2 to its current name. */
export function oldScheduler(sampler: unknown): unknown {
  return typeof sampler === "string" ? (renamed.get(sampler) ?? sampler) : undefined;
}

const renamed: ReadonlyMap<string, string> = new Map(
  Object.entries({
    k_dpm_2: "kdpm_2",
    k_dpm_2_a: "kdpm_2_a",
    k_dpmpp_2: "dpmpp_2m",
    k_dpmpp_2_a: "dpmpp_2s",
    k_euler: "euler",
    k_euler_a: "euler_a",
    k_heun: "heun",
    k_lms: "lms",
    plms: "pndm",
  }),
);

const isText = (value: unknown) => typeof value === "string";

function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function listOr(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
