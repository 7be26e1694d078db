import { choice, type Field, type FieldType, float, integer } from "./fields.ts";

/** A base whose main model is a folder with all parts, as the real server's nodes are. */
export type Family = {
  base: string;
  /** Begins the names of its nodes. */
  prefix: string;
  loader: string;
  encoder: string;
  /** The types of the loader's outputs besides transformer and VAE; those that the encoder takes. */
  parts: Record<string, FieldType>;
  /** Models that the loader takes beside the main one; without a named one it does not find its parts. */
  extraModels: { vae?: true; needed?: string };
  sampler: string;
  decoder: string;
  vaeEncoder: string;
  conditioning: { type: FieldType; positive: string; negative: string; negativeIsNeeded: boolean };
  sizeMultiple: number;
  samplerFields: Record<string, Field>;
  /** Names of `samplerFields`. */
  steps: string;
  cfg: string;
  samplerNeedsVae?: true;
  loraLoader?: { type: string; parts: readonly string[] };
};

const schedulers = choice(["euler", "heun", "lcm"], "euler");

/** Stable Diffusion 3, CogView4, Z-Image, Qwen-Image and FLUX.2 Klein. */
export const families: readonly Family[] = [
  {
    base: "sd-3",
    prefix: "sd3",
    loader: "sd3_model_loader",
    encoder: "sd3_text_encoder",
    parts: { clip_l: "clip", clip_g: "clip", t5_encoder: "t5_encoder" },
    extraModels: { vae: true },
    sampler: "sd3_denoise",
    decoder: "sd3_l2i",
    vaeEncoder: "sd3_i2l",
    conditioning: {
      type: "sd3_conditioning",
      positive: "positive_conditioning",
      negative: "negative_conditioning",
      negativeIsNeeded: true,
    },
    sizeMultiple: 16,
    samplerFields: { steps: integer(10, { gt: 0 }), cfg_scale: float(3.5) },
    steps: "steps",
    cfg: "cfg_scale",
  },
  {
    base: "cogview4",
    prefix: "cogview4",
    loader: "cogview4_model_loader",
    encoder: "cogview4_text_encoder",
    parts: { glm_encoder: "glm_encoder" },
    extraModels: {},
    sampler: "cogview4_denoise",
    decoder: "cogview4_l2i",
    vaeEncoder: "cogview4_i2l",
    conditioning: {
      type: "cogview4_conditioning",
      positive: "positive_conditioning",
      negative: "negative_conditioning",
      negativeIsNeeded: true,
    },
    sizeMultiple: 32,
    samplerFields: { steps: integer(25, { gt: 0 }), cfg_scale: float(3.5) },
    steps: "steps",
    cfg: "cfg_scale",
  },
  {
    base: "z-image",
    prefix: "z_image",
    loader: "z_image_model_loader",
    encoder: "z_image_text_encoder",
    parts: { qwen3_encoder: "qwen3_encoder" },
    extraModels: { needed: "qwen3_source_model" },
    sampler: "z_image_denoise",
    decoder: "z_image_l2i",
    vaeEncoder: "z_image_i2l",
    conditioning: {
      type: "z_image_conditioning",
      positive: "positive_conditioning",
      negative: "negative_conditioning",
      negativeIsNeeded: false,
    },
    sizeMultiple: 16,
    samplerFields: {
      steps: integer(8, { gt: 0 }),
      guidance_scale: float(1, { ge: 1 }),
      scheduler: schedulers,
    },
    steps: "steps",
    cfg: "guidance_scale",
    samplerNeedsVae: true,
    loraLoader: {
      type: "z_image_lora_collection_loader",
      parts: ["transformer", "qwen3_encoder"],
    },
  },
  {
    base: "qwen-image",
    prefix: "qwen_image",
    loader: "qwen_image_model_loader",
    encoder: "qwen_image_text_encoder",
    parts: { qwen_vl_encoder: "qwen_vl_encoder" },
    extraModels: { vae: true },
    sampler: "qwen_image_denoise",
    decoder: "qwen_image_l2i",
    vaeEncoder: "qwen_image_i2l",
    conditioning: {
      type: "qwen_image_conditioning",
      positive: "positive_conditioning",
      negative: "negative_conditioning",
      negativeIsNeeded: false,
    },
    sizeMultiple: 16,
    samplerFields: { steps: integer(40, { gt: 0 }), cfg_scale: float(4) },
    steps: "steps",
    cfg: "cfg_scale",
    loraLoader: { type: "qwen_image_lora_collection_loader", parts: ["transformer"] },
  },
  {
    base: "flux2",
    prefix: "flux2_klein",
    loader: "flux2_klein_model_loader",
    encoder: "flux2_klein_text_encoder",
    parts: { qwen3_encoder: "qwen3_encoder", max_seq_len: "integer" },
    extraModels: { vae: true },
    sampler: "flux2_denoise",
    decoder: "flux2_vae_decode",
    vaeEncoder: "flux2_vae_encode",
    conditioning: {
      type: "flux_conditioning",
      positive: "positive_text_conditioning",
      negative: "negative_text_conditioning",
      negativeIsNeeded: false,
    },
    sizeMultiple: 16,
    samplerFields: {
      num_steps: integer(4),
      cfg_scale: float(1),
      scheduler: schedulers,
    },
    steps: "num_steps",
    cfg: "cfg_scale",
    samplerNeedsVae: true,
    loraLoader: {
      type: "flux2_klein_lora_collection_loader",
      parts: ["transformer", "qwen3_encoder"],
    },
  },
];
