/** What differs between the bases whose main model is a folder that holds every part. */
export type TransformerBase = {
  /** Begins the name of the graph, and the mode in the metadata. */
  prefix: `${string}_`;
  loader: string;
  /** The main model is also named here: the loader does not take its parts from `model`. */
  partsFrom?: string;
  /** The loader's input for another VAE. */
  vaeInput?: "vae_model";
  encoder: string;
  /** The encoder's inputs, which have the names of the loader's outputs. */
  encoderInputs: readonly string[];
  /** Whether a prompt goes to the sampler through `collect`. */
  collectsPrompts?: true;
  positive: string;
  /** `always`: the sampler requires one. `with cfg`: only above 1. */
  negative: { into: string; when: "always" | "with cfg" } | null;
  /** What an empty negative prompt is sent as. */
  emptyNegative?: string;
  sampler: string;
  stepsInput: "steps" | "num_steps";
  cfgInput: "cfg_scale" | "guidance_scale" | null;
  takesScheduler: boolean;
  /** Whether the sampler needs the VAE. */
  samplerTakesVae?: true;
  decoder: string;
  vaeEncoder: string;
  loras?: { loader: string; parts: readonly string[] };
  /** The `denoising_start` of image to image. */
  start: (strength: number) => number;
};

const linear = (strength: number): number => 1 - strength;
/** InvokeAI's "optimized denoising": these bases determine the composition in their very first steps. */
const steep = (strength: number): number => 1 - strength ** 0.2;

/** By InvokeAI's names; the nodes are those of its own UI. */
export const transformerBases: Readonly<Record<string, TransformerBase>> = {
  "sd-3": {
    prefix: "sd3_",
    loader: "sd3_model_loader",
    vaeInput: "vae_model",
    encoder: "sd3_text_encoder",
    encoderInputs: ["clip_l", "clip_g", "t5_encoder"],
    positive: "positive_conditioning",
    negative: { into: "negative_conditioning", when: "always" },
    sampler: "sd3_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    takesScheduler: false,
    decoder: "sd3_l2i",
    vaeEncoder: "sd3_i2l",
    start: steep,
  },
  cogview4: {
    prefix: "cogview4_",
    loader: "cogview4_model_loader",
    encoder: "cogview4_text_encoder",
    encoderInputs: ["glm_encoder"],
    positive: "positive_conditioning",
    negative: { into: "negative_conditioning", when: "always" },
    sampler: "cogview4_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    takesScheduler: false,
    decoder: "cogview4_l2i",
    vaeEncoder: "cogview4_i2l",
    start: linear,
  },
  "z-image": {
    prefix: "z_image_",
    loader: "z_image_model_loader",
    partsFrom: "qwen3_source_model",
    encoder: "z_image_text_encoder",
    encoderInputs: ["qwen3_encoder"],
    collectsPrompts: true,
    positive: "positive_conditioning",
    negative: { into: "negative_conditioning", when: "with cfg" },
    sampler: "z_image_denoise",
    stepsInput: "steps",
    cfgInput: "guidance_scale",
    takesScheduler: true,
    samplerTakesVae: true,
    decoder: "z_image_l2i",
    vaeEncoder: "z_image_i2l",
    loras: {
      loader: "z_image_lora_collection_loader",
      parts: ["transformer", "qwen3_encoder"],
    },
    start: linear,
  },
  "qwen-image": {
    prefix: "qwen_image_",
    loader: "qwen_image_model_loader",
    vaeInput: "vae_model",
    encoder: "qwen_image_text_encoder",
    encoderInputs: ["qwen_vl_encoder"],
    positive: "positive_conditioning",
    negative: { into: "negative_conditioning", when: "with cfg" },
    emptyNegative: " ",
    sampler: "qwen_image_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    takesScheduler: false,
    decoder: "qwen_image_l2i",
    vaeEncoder: "qwen_image_i2l",
    loras: { loader: "qwen_image_lora_collection_loader", parts: ["transformer"] },
    start: linear,
  },
  flux2: {
    prefix: "flux2_",
    loader: "flux2_klein_model_loader",
    vaeInput: "vae_model",
    encoder: "flux2_klein_text_encoder",
    encoderInputs: ["qwen3_encoder", "max_seq_len"],
    positive: "positive_text_conditioning",
    negative: null,
    sampler: "flux2_denoise",
    stepsInput: "num_steps",
    cfgInput: null,
    takesScheduler: true,
    samplerTakesVae: true,
    decoder: "flux2_vae_decode",
    vaeEncoder: "flux2_vae_encode",
    loras: {
      loader: "flux2_klein_lora_collection_loader",
      parts: ["transformer", "qwen3_encoder"],
    },
    start: steep,
  },
};
