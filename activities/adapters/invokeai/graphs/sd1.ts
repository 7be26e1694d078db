import type { ModelIdentifier } from "../types";
import { createGraph, type Graph, outputNode, seedNode, slotNode } from "./graph";
import type { GraphRequest, GraphSource } from "./request";

type Builder = ReturnType<typeof createGraph>;

/** Text to image and image to image for SD-1, node by node as InvokeAI's own page builds it. */
export function buildSd1Graph(request: GraphRequest): Graph {
  const graph = createGraph(request.source ? "sd1-image-to-image" : "sd1-text-to-image");
  graph.node(seedNode, "integer", { value: 0 });
  graph.node(slotNode, "integer", { value: 0 });
  const { unet, clip, vae } = addModel(graph, request);
  addPrompt(graph, "pos", request.prompt, clip, "positive_conditioning");
  addPrompt(graph, "neg", request.negativePrompt, clip, "negative_conditioning");
  addDenoise(graph, request, unet);
  if (request.source) addSource(graph, request, request.source, vae);
  graph.output("l2i", { fp32: true });
  graph.connect("denoise.latents", `${outputNode}.latents`);
  graph.connect(vae, `${outputNode}.vae`);
  addMetadata(graph, request);
  return graph.build();
}

/** The loader with clip skip, LoRAs and another VAE behind it; answers where each part comes out. */
function addModel(graph: Builder, { model, vae, loras, clipSkip }: GraphRequest) {
  graph.node("model", "main_model_loader", { model: identify(model) });
  graph.node("skip", "clip_skip", { skipped_layers: clipSkip });
  graph.connect("model.clip", "skip.clip");
  if (vae) graph.node("vl", "vae_loader", { vae_model: identify(vae) });
  const vaeSource = vae ? "vl.vae" : "model.vae";
  if (loras.length === 0) return { unet: "model.unet", clip: "skip.clip", vae: vaeSource };

  graph.node("lc", "collect");
  for (const [index, lora] of loras.entries()) {
    const selector = `lora${index}`;
    graph.node(selector, "lora_selector", { lora: identify(lora.model), weight: lora.weight });
    graph.connect(`${selector}.lora`, "lc.item");
  }
  graph.node("ll", "lora_collection_loader");
  graph.connect("lc.collection", "ll.loras");
  graph.connect("model.unet", "ll.unet");
  graph.connect("skip.clip", "ll.clip");
  return { unet: "ll.unet", clip: "ll.clip", vae: vaeSource };
}

function addPrompt(graph: Builder, name: string, text: string, clip: string, into: string) {
  graph.node(name, "string", { value: text });
  graph.node(`${name}c`, "compel");
  graph.connect(clip, `${name}c.clip`);
  graph.connect(`${name}.value`, `${name}c.prompt`);
  graph.connect(`${name}c.conditioning`, `denoise.${into}`);
}

function addDenoise(graph: Builder, request: GraphRequest, unet: string) {
  const { width, height, steps, cfgScale, scheduler, source } = request;
  // Noise of the CPU is the same on every device.
  graph.node("noise", "noise", { width, height, use_cpu: true });
  graph.connect(`${seedNode}.value`, "noise.seed");
  graph.node("denoise", "denoise_latents", {
    steps,
    cfg_scale: cfgScale,
    cfg_rescale_multiplier: 0,
    scheduler,
    denoising_start: source ? 1 - source.strength : 0,
    denoising_end: 1,
  });
  graph.connect(unet, "denoise.unet");
  graph.connect("noise.noise", "denoise.noise");
}

/** Latents of the source at the exact size: noise and latents of different sizes fail while running. */
function addSource(graph: Builder, request: GraphRequest, source: GraphSource, vae: string) {
  const { width, height } = request;
  const image = { image_name: source.imageName };
  if (source.width === width && source.height === height) {
    graph.node("i2l", "i2l", { image, fp32: true });
  } else {
    graph.node("rin", "img_resize", { image, width, height, resample_mode: "lanczos" });
    graph.node("i2l", "i2l", { fp32: true });
    graph.connect("rin.image", "i2l.image");
  }
  graph.connect(vae, "i2l.vae");
  graph.connect("i2l.latents", "denoise.latents");
}

/** What InvokeAI's own page recalls; what differs per item arrives by edge. */
function addMetadata(graph: Builder, request: GraphRequest) {
  const { source, vae, loras } = request;
  graph.node("meta", "core_metadata", {
    generation_mode: source ? "img2img" : "txt2img",
    width: request.width,
    height: request.height,
    steps: request.steps,
    cfg_scale: request.cfgScale,
    cfg_rescale_multiplier: 0,
    scheduler: request.scheduler,
    rand_device: "cpu",
    clip_skip: request.clipSkip,
    model: identify(request.model),
    ...(vae ? { vae: identify(vae) } : {}),
    loras: loras.map(({ model, weight }) => ({ model: identify(model), weight })),
    ...(source ? { strength: source.strength, init_image: source.imageName } : {}),
  });
  graph.connect(`${seedNode}.value`, "meta.seed");
  graph.connect("pos.value", "meta.positive_prompt");
  graph.connect("neg.value", "meta.negative_prompt");
  graph.connect("meta.metadata", `${outputNode}.metadata`);
}

/** The five fields of a model identifier, whatever else the caller's record holds. */
function identify({ key, hash, name, base, type }: ModelIdentifier): ModelIdentifier {
  return { key, hash, name, base, type };
}
