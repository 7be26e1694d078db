import { type ComfyGraph, type ComfyNode, readComfyGraph } from "./comfyui-graph";
import type { SaidGeneration } from "./generation";
import { isObject, type JsonObject } from "./json-object";
import { schedulerNamed } from "./schedulers";

/**
 * ComfyUI's `prompt`, the graph that was run. It is read backwards from the sampler: to the texts of its two
 * prompts, through its model's LoRAs to the checkpoint, and to the size of its empty picture. Where there are
 * several samplers, the one that began counts. undefined when there is none.
 */
export function fromComfyPrompt(record: JsonObject): SaidGeneration | undefined {
  // Some who save in other places wrap it.
  const graph = readComfyGraph(isObject(record["prompt"]) ? record["prompt"] : record);
  const samplers = graph?.nodes.filter(isSampler) ?? [];
  const sampler = samplers.find((node) => graph && emptyPicture(graph, node)) ?? samplers[0];
  if (!graph || !sampler) return undefined;
  const guider = nodeAt(graph, sampler, "guider") ?? sampler;
  const sigmas = nodeAt(graph, sampler, "sigmas") ?? sampler;
  const empty = emptyPicture(graph, sampler);
  const model = guider.inputs["model"] ?? sigmas.inputs["model"];
  const positive = guider.inputs["positive"] ?? guider.inputs["conditioning"];
  return {
    prompt: textOf(graph, positive, "positive"),
    negativePrompt: textOf(graph, guider.inputs["negative"], "negative"),
    modelName: modelName(graph, model),
    seed: seedOf(graph, sampler),
    steps: valueOf(graph, sigmas.inputs["steps"]),
    cfgScale: valueOf(graph, guider.inputs["cfg"]),
    scheduler: schedulerOf(graph, sampler, sigmas),
    width: empty && valueOf(graph, empty.inputs["width"]),
    height: empty && valueOf(graph, empty.inputs["height"]),
    strength: empty ? undefined : valueOf(graph, sigmas.inputs["denoise"]),
    loras: lorasOf(graph, model),
  };
}

function isSampler({ kind, inputs }: ComfyNode): boolean {
  return /sampler/i.test(kind) && "latent_image" in inputs;
}

function nodeAt(graph: ComfyGraph, node: ComfyNode, input: string): ComfyNode | undefined {
  return graph.source(node.inputs[input])?.node;
}

/** What the sampler began with, where that was no picture: a node that makes an empty one of a size. */
function emptyPicture(graph: ComfyGraph, sampler: ComfyNode): ComfyNode | undefined {
  return graph.follow(
    sampler.inputs["latent_image"],
    (node) => (/empty.*latent/i.test(node.kind) ? node : undefined),
    ({ kind, inputs }) =>
      isSampler({ kind, inputs }) ? undefined : (inputs["samples"] ?? inputs["latent"]),
  );
}

/** The text behind a conditioning, through what combines, guides or delays it. */
function textOf(graph: ComfyGraph, value: unknown, side: "positive" | "negative"): unknown {
  return graph.follow(
    value,
    ({ inputs }) => {
      const text = inputs["text"] ?? inputs["text_g"] ?? inputs["t5xxl"] ?? inputs["clip_l"];
      return text === undefined ? undefined : valueOf(graph, text);
    },
    ({ kind, inputs }, output) => {
      // Its text counts for nothing: that is what it is for.
      if (/zero.?out/i.test(kind)) return undefined;
      // A node with both sides hands on each by its own output.
      if ("positive" in inputs && "negative" in inputs) {
        return inputs[output === 0 ? "positive" : output === 1 ? "negative" : side];
      }
      return inputs["conditioning"] ?? inputs["conditioning_1"] ?? inputs["conditioning_to"];
    },
  );
}

/** A value as it is, or from the node that only holds it. */
function valueOf(graph: ComfyGraph, value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const names = ["value", "text", "string", "prompt", "int", "float", "number", "seed"];
  const held = ({ inputs }: ComfyNode) => names.map((name) => inputs[name]);
  return graph.follow(
    value,
    (node) => held(node).find((inner) => typeof inner === "string" || typeof inner === "number"),
    (node) => held(node).find((inner) => Array.isArray(inner)),
  );
}

function seedOf(graph: ComfyGraph, sampler: ComfyNode): unknown {
  const holder = nodeAt(graph, sampler, "noise") ?? sampler;
  return valueOf(graph, holder.inputs["seed"] ?? holder.inputs["noise_seed"]);
}

function schedulerOf(graph: ComfyGraph, sampler: ComfyNode, sigmas: ComfyNode): unknown {
  const holder = nodeAt(graph, sampler, "sampler") ?? sampler;
  const name = valueOf(graph, holder.inputs["sampler_name"]);
  const schedule = valueOf(graph, sigmas.inputs["scheduler"]);
  if (typeof name !== "string") return undefined;
  const noise = typeof schedule === "string" ? schedule : undefined;
  return schedulerNamed(name, noise) ?? [name, noise].filter(Boolean).join(" ");
}

function modelName(graph: ComfyGraph, model: unknown): string | undefined {
  const file = graph.follow(
    model,
    ({ inputs }) => inputs["ckpt_name"] ?? inputs["unet_name"] ?? inputs["model_name"],
    ({ inputs }) => inputs["model"],
  );
  return fileStem(file);
}

function lorasOf(graph: ComfyGraph, model: unknown): { name: unknown; weight: unknown }[] {
  const loras: { name: unknown; weight: unknown }[] = [];
  graph.follow(
    model,
    ({ inputs }) => {
      if (inputs["lora_name"] !== undefined && loras.length < maxLoras) {
        loras.unshift({ name: fileStem(inputs["lora_name"]), weight: inputs["strength_model"] });
      }
      return undefined;
    },
    ({ inputs }) => inputs["model"],
  );
  return loras;
}

/** More than any picture is made with; a cycle would give the same for ever. */
const maxLoras = 20;

/** `sdxl/base_1.0.safetensors` → `base_1.0`: folders and kind of file are no part of a model's name. */
function fileStem(file: unknown): string | undefined {
  if (typeof file !== "string") return undefined;
  return file
    .slice(0, 1_000)
    .replace(/^.*[/\\]/s, "")
    .replace(/\.(?:safetensors|sft|ckpt|pt|pth|bin|gguf)$/i, "");
}
