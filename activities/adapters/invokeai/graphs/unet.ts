import { type GraphBuilder, identify, seedNode } from "./graph";
import { addMetadata } from "./metadata";
import { addPrompt } from "./prompt";
import type { GraphRequest } from "./request";
import { addSecondPass } from "./second-pass";
import { addOutput, addSource } from "./source";

/** The prompt encoder: its node type, the sources of its inputs, and its inputs for the text. */
type Encoder = {
  type: "compel" | "sdxl_compel_prompt";
  inputs: Record<string, string>;
  texts: string[];
};

/**
 * The nodes that SD-1, SD-2 and SDXL share after their model loaders: both prompts, noise, denoising, source, a separate
 * VAE, output and metadata.
 */
export function addUnetGeneration(
  graph: GraphBuilder,
  request: GraphRequest,
  model: {
    unet: string;
    encoder: Encoder;
    metadata: { modePrefix: "" | "sdxl_"; clipSkip: number | null };
  },
): void {
  const { type: encoder, inputs, texts } = model.encoder;
  const shared = { encoder, inputs, texts };
  const { prompt, negativePrompt, cfgScale } = request;
  const { modePrefix, clipSkip } = model.metadata;
  addPrompt(graph, { name: "pos", text: prompt, into: "positive_conditioning", ...shared });
  addPrompt(graph, { name: "neg", text: negativePrompt, into: "negative_conditioning", ...shared });
  addDenoise(graph, request, model.unet);
  const vae = addVae(graph, request);
  const precision = { literals: { fp32: true }, vae };
  addSource(graph, request, { type: "i2l", unet: model.unet, ...precision });
  const latents = request.hires ? addSecondPass(graph, request, request.hires) : "denoise.latents";
  addOutput(graph, request, { type: "l2i", ...precision, latents });
  addMetadata(graph, request, {
    modePrefix,
    more: {
      rand_device: "cpu",
      cfg_scale: cfgScale,
      cfg_rescale_multiplier: 0,
      ...(clipSkip === null ? {} : { clip_skip: clipSkip }),
      ...(request.hires && { hrf_enabled: true, hrf_strength: request.hires.strength }),
    },
  });
  graph.connect("neg.value", "meta.negative_prompt");
}

function addDenoise(graph: GraphBuilder, request: GraphRequest, unet: string): void {
  const { width, height, steps, cfgScale, scheduler, source } = request;
  // CPU noise is the same on every device.
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

function addVae(graph: GraphBuilder, { vae }: GraphRequest): string {
  if (!vae) return "model.vae";
  graph.node("vl", "vae_loader", { vae_model: identify(vae) });
  return "vl.vae";
}
