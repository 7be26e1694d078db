import { createGraph, type Graph, identify, seedNode } from "./graph";
import { addLoras } from "./loras";
import { addMetadata } from "./metadata";
import { addPrompt } from "./prompt";
import type { GraphRequest } from "./request";
import { addFillConditioning, addOutput, addSource } from "./source";

/**
 * Text to image and image to image for FLUX dev and schnell, and painting with FLUX Fill, node by node as InvokeAI's own UI
 * builds it: four models, one prompt, and noise that the sampler generates itself.
 */
export function buildFluxGraph(given: GraphRequest): Graph {
  const isFill = given.model.variant === fillVariant;
  const request = isFill ? atFullStrength(given) : given;
  const { source, steps, scheduler, width, height, guidance } = request;
  // `checkRequest` has refused a request without them.
  const [vae, t5Encoder, clipEmbed] = [
    request.vae!,
    request.companions.t5Encoder!,
    request.companions.clipEmbed!,
  ];
  const graph = createGraph(source ? "flux-image-to-image" : "flux-text-to-image");
  graph.node("model", "flux_model_loader", {
    model: identify(request.model),
    t5_encoder_model: identify(t5Encoder),
    clip_embed_model: identify(clipEmbed),
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
  if (isFill) addFillConditioning(graph, request);
  else addSource(graph, request, { type: "flux_vae_encode", vae: "model.vae" });
  addOutput(graph, request, { type: "flux_vae_decode", vae: "model.vae" });
  addMetadata(graph, request, {
    modePrefix: "flux_",
    more: {
      ...(guidance == null ? {} : { guidance }),
      t5_encoder: identify(t5Encoder),
      clip_embed_model: identify(clipEmbed),
    },
  });
  return graph.build();
}

const fillVariant = "dev_fill";

/** FLUX Fill begins with noise, and knows the source by its conditioning. */
function atFullStrength(request: GraphRequest): GraphRequest {
  return { ...request, source: request.source && { ...request.source, strength: 1 } };
}

/** InvokeAI's "optimized denoising": FLUX determines the composition in its very first steps. */
function startOf(strength: number): number {
  return 1 - strength ** 0.2;
}
