import {
  type ComfyGraph,
  type ComfyNode,
  inputOf,
  isEdge,
  readComfyGraph,
  soleEdge,
} from "./comfyui-graph";
import { lorasOf, modelName } from "./comfyui-models";
import { firstSamplers, isSampler, latentNames, partsOf } from "./comfyui-samplers";
import { createTextReader } from "./comfyui-texts";
import { valueOf } from "./comfyui-values";
import type { UncheckedGeneration } from "./generation";
import { isObject, type JsonObject, parseObject } from "./json-object";
import { schedulerNamed } from "./schedulers";

const positives = ["positive", "conditioning", "cond1", "cond_1", "cond", "conditioning1"];
const negatives = ["negative", "neg_conditioning", "uncond"];

/**
 * Reads ComfyUI's `prompt`, the graph that was run. Starts at the first sampler and follows its inputs upstream: to
 * the texts of both prompts, through the model's LoRAs to the checkpoint, and to the size of the empty latent. With
 * several parallel samplers only their common values are kept. undefined when there is no sampler.
 */
export function fromComfyPrompt(record: JsonObject): UncheckedGeneration | undefined {
  const graph = readComfyGraph(graphIn(record));
  if (!graph) return undefined;
  const readText = createTextReader(graph);
  const said = firstSamplers(graph).map((sampler) => ofSampler(graph, sampler, readText));
  const [first, ...others] = said;
  if (!first) return undefined;
  const alike = Object.entries(first).filter(([field, value]) =>
    others.every((other) => Bun.deepEquals(other[field as keyof UncheckedGeneration], value)),
  );
  return Object.fromEntries(alike);
}

/** Other programs wrap the graph in an object or a string. */
function graphIn(record: JsonObject): JsonObject {
  const { prompt } = record;
  if (isObject(prompt)) return prompt;
  return (typeof prompt === "string" ? parseObject(prompt) : undefined) ?? record;
}

function ofSampler(
  graph: ComfyGraph,
  sampler: ComfyNode,
  readText: ReturnType<typeof createTextReader>,
): UncheckedGeneration {
  const parts = partsOf(graph, sampler);
  const input = (...names: string[]) => firstInput(parts, names);
  const sigmas = graph.follow(
    input("sigmas"),
    (node) => ("steps" in node.inputs ? node : undefined),
    (node) => node.inputs["sigmas"] ?? soleEdge(node),
  );
  const timed = sigmas ? [sigmas, ...parts] : parts;
  const start = startOf(graph, sampler, parts);
  const model = modelEdge(parts) ?? sigmas?.inputs["model"];
  return {
    prompt: readText(input(...positives), "positive"),
    negativePrompt: readText(input(...negatives), "negative"),
    modelName: modelName(graph, model),
    seed: seedOf(graph, parts),
    steps: valueIn(graph, timed, ["steps"]),
    cfgScale: valueIn(graph, parts, ["cfg", "cfg_conds", "cfg1", "cfg_1", "cfg_scale"]),
    scheduler: schedulerOf(graph, parts, timed),
    width: start?.width,
    height: start?.height,
    strength: start?.isPicture ? valueIn(graph, timed, ["denoise", "denoise_strength"]) : undefined,
    loras: lorasOf(graph, model),
  };
}

function firstInput(parts: readonly ComfyNode[], names: readonly string[]): unknown {
  return parts.map((part) => inputOf(part, names)).find((value) => value !== undefined);
}

/** The value of the first of these inputs that a part has. */
function valueIn(
  graph: ComfyGraph,
  parts: readonly ComfyNode[],
  names: readonly string[],
): unknown {
  for (const { inputs } of parts) {
    const name = names.find((candidate) => inputs[candidate] !== undefined);
    if (name !== undefined) return valueOf(graph, inputs[name], name);
  }
  return undefined;
}

function seedOf(graph: ComfyGraph, parts: readonly ComfyNode[]): unknown {
  const noise = graph.source(firstInput(parts, ["noise"]));
  return valueIn(graph, noise ? [noise, ...parts] : parts, ["seed", "noise_seed"]);
}

function schedulerOf(
  graph: ComfyGraph,
  parts: readonly ComfyNode[],
  timed: readonly ComfyNode[],
): unknown {
  const select = graph.source(firstInput(parts, ["sampler"]));
  const name = valueIn(graph, select ? [select, ...parts] : parts, ["sampler_name"]);
  const schedule = valueIn(graph, timed, ["scheduler"]);
  if (typeof name !== "string") return undefined;
  const noise = typeof schedule === "string" ? schedule : undefined;
  return schedulerNamed(name, noise) ?? [name, noise].filter(Boolean).join(" ");
}

/** The edge to the model; some loaders also make the prompts and have no edge for it. */
function modelEdge(parts: readonly ComfyNode[]): unknown {
  const model = firstInput(parts, ["model", "model1", "model_1"]);
  if (model !== undefined) return model;
  const loader = parts.find(({ inputs }) => "ckpt_name" in inputs || "base_ckpt_name" in inputs);
  return loader && [loader.id, 0];
}

/** What a sampler started from: an empty latent with its size, or a picture; undefined when unknown. */
function startOf(graph: ComfyGraph, sampler: ComfyNode, parts: readonly ComfyNode[]) {
  const start = (node: ComfyNode) => {
    const { kind, inputs } = node;
    const size = (name: string) => {
      const own = ["empty_latent_", ""].map((prefix) => prefix + name);
      return valueIn(graph, [node], own);
    };
    const isEmpty = /empty.*latent|latent.*empty/i.test(kind) || "empty_latent_width" in inputs;
    if (isEmpty) return { isPicture: false, width: size("width"), height: size("height") };
    const isPicture = isEdge(inputs["pixels"]) || (/encode/i.test(kind) && isEdge(inputs["image"]));
    return isPicture ? { isPicture: true, width: undefined, height: undefined } : undefined;
  };
  const latent = inputOf(sampler, latentNames);
  if (latent === undefined) return parts.map(start).find((found) => found !== undefined);
  return graph.follow(latent, start, (node) =>
    isSampler(node) ? undefined : (inputOf(node, latentNames) ?? soleEdge(node)),
  );
}
