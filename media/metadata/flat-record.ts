import type { UncheckedGeneration } from "./generation";
import { isObject, type JsonObject } from "./json-object";
import { fileStem } from "./model-file";
import { floatIn } from "./python-float";
import { schedulerNamed } from "./schedulers";

const maxLoras = 20;

/**
 * Reads a JSON object with one field for each setting. SwarmUI, Fooocus and its forks write such objects with
 * different field names. undefined unless it has a prompt and steps or a seed.
 */
export function fromFlatRecord(record: JsonObject): UncheckedGeneration | undefined {
  // SwarmUI nests the parameters in an object.
  const { sui_image_params: asked } = record;
  const fields = byPlainName(isObject(asked) ? asked : record);
  const first = (...names: string[]) =>
    names.map((name) => fields.get(name)).find((value) => value !== undefined && value !== null);
  const prompt = first("prompt", "positiveprompt");
  const steps = floatIn(first("steps"));
  const seed = floatIn(first("seed"));
  if (typeof prompt !== "string" || (steps ?? seed) === undefined) return undefined;
  const size = /(\d{1,5})\D{1,5}(\d{1,5})/.exec(textOf(first("resolution")) ?? "");
  const clipSkip = isObject(asked) ? undefined : floatIn(first("clipskip"));
  return {
    prompt,
    negativePrompt: first("negativeprompt", "negative"),
    modelName: fileStem(first("basemodel", "basemodelname", "model")),
    modelHash: first("basemodelhash", "modelhash"),
    seed,
    steps,
    cfgScale: floatIn(first("cfgscale", "guidancescale", "cfg")),
    scheduler: schedulerOf(
      textOf(first("sampler", "comfyuisampler", "samplername")),
      textOf(first("scheduler", "comfyuischeduler")),
    ),
    width: floatIn(first("width") ?? size?.[1]),
    height: floatIn(first("height") ?? size?.[2]),
    strength: floatIn(first("initimagecreativity")),
    // Counted from 1, which skips no layer.
    clipSkip: clipSkip === undefined ? undefined : clipSkip - 1,
    loras: lorasIn(fields),
  };
}

/** `Guidance Scale`, `guidance_scale` and `guidancescale` are the same field. */
function byPlainName(record: JsonObject): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(record).map(([name, value]) => [
      name
        .slice(0, 100)
        .toLowerCase()
        .replace(/[^a-z0-9]/g, ""),
      value,
    ]),
  );
}

export function schedulerOf(
  sampler: string | undefined,
  schedule: string | undefined,
): string | undefined {
  if (sampler === undefined) return undefined;
  return schedulerNamed(sampler, schedule) ?? [sampler, schedule].filter(Boolean).join(" ");
}

/** LoRAs are two lists of names and weights, or one list of pairs, objects or `name : weight` strings. */
function lorasIn(fields: ReadonlyMap<string, unknown>): { name: unknown; weight: unknown }[] {
  const weights = listOf(fields.get("loraweights"));
  const listed = listOf(fields.get("loras")).slice(0, maxLoras);
  if (listed.length > 0) {
    return listed.map((entry, at) => {
      if (Array.isArray(entry)) return { name: fileStem(entry[0]), weight: floatIn(entry[1]) };
      if (isObject(entry)) {
        const { name, model, weight } = entry;
        return { name: fileStem(name ?? model), weight: floatIn(weight) };
      }
      return {
        name: fileStem(entry),
        weight: weights[at] === undefined ? 1 : floatIn(weights[at]),
      };
    });
  }
  const combined = [...fields].filter(([name]) => /^lora(?:combined)?\d{1,2}$/.test(name));
  return combined.slice(0, maxLoras).map(([, value]) => {
    const [, name, weight] = /^([^]{1,500}) : ([^ ]{1,40})$/.exec(textOf(value) ?? "") ?? [];
    return { name: fileStem(name), weight: floatIn(weight) };
  });
}

/** A list, or a string with commas between its items. */
function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === "string" && value !== ""
    ? value.split(",").map((part) => part.trim())
    : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
