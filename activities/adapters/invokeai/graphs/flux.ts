import { AppError } from "#errors";
import { createGraph, type Graph, identify, seedNode } from "./graph";
import { addLoras } from "./loras";
import { addMetadata } from "./metadata";
import { addPrompt } from "./prompt";
import type { GraphRequest } from "./request";
import { addOutput, addSource } from "./source";

/**
 * Text to image and image to image for FLUX dev and schnell, node by node as InvokeAI's own UI builds it: four models, one
 * prompt, and noise that the sampler generates itself.
 * @throws AppError `invokeai_model_error` without text encoders or VAE
 */
export function buildFluxGraph(request: GraphRequest): Graph {
  const { source, steps, scheduler, width, height, guidance } = request;
  const { vae, encoders } = modelsOf(request);
  const graph = createGraph(source ? "flux-image-to-image" : "flux-text-to-image");
  graph.node("model", "flux_model_loader", {
    model: identify(request.model),
    t5_encoder_model: identify(encoders.t5),
    clip_embed_model: identify(encoders.clip),
    vae_model: identify(vae),
  });
  const { transformer, clip, t5_encoder } = addLoras(graph, request.loras, {
    loader: "flux_lora_collection_loader",
    parts: {
      transformer: "model.transformer",
      clip: "model.clip",
      t5_encoder: "model.t5_encoder",
    },
  });
  addPrompt(graph, {
    name: "pos",
    text: request.prompt,
    encoder: "flux_text_encoder",
    inputs: { clip, t5_encoder, t5_max_seq_len: "model.max_seq_len" },
    texts: ["prompt"],
    into: "positive_text_conditioning",
  });
  graph.node("denoise", "flux_denoise", {
    num_steps: steps,
    cfg_scale: 1,
    ...(guidance == null ? {} : { guidance }),
    scheduler,
    width,
    height,
    denoising_start: source ? startOf(source.strength) : 0,
    denoising_end: 1,
  });
  graph.connect(transformer, "denoise.transformer");
  graph.connect("model.vae", "denoise.controlnet_vae");
  graph.connect(`${seedNode}.value`, "denoise.seed");
  addSource(graph, request, { type: "flux_vae_encode", vae: "model.vae" });
  addOutput(graph, request, { type: "flux_vae_decode", vae: "model.vae" });
  addMetadata(graph, request, {
    modePrefix: "flux_",
    more: {
      ...(guidance == null ? {} : { guidance }),
      t5_encoder: identify(encoders.t5),
      clip_embed_model: identify(encoders.clip),
    },
  });
  return graph.build();
}

/** InvokeAI's "optimized denoising": FLUX determines the composition in its very first steps. */
function startOf(strength: number): number {
  return 1 - strength ** 0.2;
}

function modelsOf({ vae, encoders }: GraphRequest) {
  if (vae && encoders) return { vae, encoders };
  throw new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message: "Install a T5 encoder, a CLIP text encoder and a VAE for FLUX in InvokeAI.",
  });
}
