import {
  choice,
  type Field,
  type FieldType,
  flag,
  float,
  integer,
  type ValueFault,
} from "./fields.ts";

/** A base whose sampler has no noise node, as the real server's nodes are. */
export type Family = {
  base: string;
  /** Begins the names of its outputs. */
  prefix: string;
  /** Only since this version of the API. */
  since?: "6.14";
  /** The variants of main models that the loader takes; others fail while it runs. */
  variants?: readonly string[];
  loader: string;
  loaderFields?: Record<string, Field>;
  encoder: string;
  /** Builds the text for the encoder. */
  captioner?: string;
  /** The types of the loader's outputs besides transformer and VAE; those that the encoder takes. */
  parts: Record<string, FieldType>;
  /** The type of the transformer's edges. */
  transformer?: FieldType;
  extraModels: {
    /** Bases of VAEs that work; the others fail in the decoder. */
    vae?: readonly string[];
    encoder?: { input: string; type: string };
    /** A folder whose VAE and encoder are used where there is no other. */
    source?: string;
    /** VAE and encoder have to be given: there is no other source. */
    areRequired?: true;
    /** The parts of the main model itself are not used, even of a folder. */
    ignoresMain?: true;
  };
  /** The variant of the encoder that a variant of the main model needs. */
  encoderVariant?: (mainVariant: string | undefined) => string | undefined;
  sampler: string;
  decoder: string;
  vaeEncoder: string | null;
  conditioning: {
    type: FieldType;
    positive: string;
    negative?: string;
    negativeIsNeeded?: true;
  };
  sizeMultiple: number;
  samplerFields: Record<string, Field>;
  /** Names of `samplerFields`. */
  steps: string;
  cfg: string | null;
  samplerNeedsVae?: true;
  /** The sampler's input for references, and its type. */
  references?: [input: string, type: FieldType];
  /** References go to the text encoder, and the first as latents to the sampler. */
  editsInText?: true;
  /** The sampler fails where no step is left between start and end. */
  needsStep?: true;
  loraLoader?: { type: string; parts: readonly string[] };
};

const schedulers = choice(["euler", "heun", "lcm"], "euler");

/** The same, but it may be left out. */
export const maybe = (field: Field): Field => ({
  ...field,
  default: null,
  check: (value): ValueFault | undefined => (value === null ? undefined : field.check?.(value)),
});

const optionalNegative = {
  positive: "positive_conditioning",
  negative: "negative_conditioning",
} as const;

const qwen3OfKlein = (variant: string | undefined) =>
  variant === undefined ? undefined : variant.startsWith("klein_9b") ? "qwen3_8b" : "qwen3_4b";

const flux2: Family = {
  base: "flux2",
  prefix: "flux2_klein",
  variants: ["klein_4b", "klein_4b_base", "klein_9b", "klein_9b_base"],
  loader: "flux2_klein_model_loader",
  encoder: "flux2_klein_text_encoder",
  parts: { qwen3_encoder: "qwen3_encoder", max_seq_len: "integer" },
  extraModels: {
    vae: ["flux2"],
    encoder: { input: "qwen3_encoder_model", type: "qwen3_encoder" },
    source: "qwen3_source_model",
  },
  encoderVariant: qwen3OfKlein,
  sampler: "flux2_denoise",
  decoder: "flux2_vae_decode",
  vaeEncoder: "flux2_vae_encode",
  conditioning: {
    type: "flux_conditioning",
    positive: "positive_text_conditioning",
    negative: "negative_text_conditioning",
  },
  sizeMultiple: 16,
  samplerFields: {
    num_steps: integer(4),
    guidance: float(4, { ge: 0, le: 20 }),
    cfg_scale: float(1),
    scheduler: schedulers,
  },
  steps: "num_steps",
  cfg: "cfg_scale",
  samplerNeedsVae: true,
  references: ["kontext_conditioning", "flux_kontext"],
  loraLoader: {
    type: "flux2_klein_lora_collection_loader",
    parts: ["transformer", "qwen3_encoder"],
  },
};

export const families: readonly Family[] = [
  {
    base: "sd-3",
    prefix: "sd3",
    loader: "sd3_model_loader",
    encoder: "sd3_text_encoder",
    parts: { clip_l: "clip", clip_g: "clip", t5_encoder: "t5_encoder" },
    extraModels: { vae: ["sd-3"] },
    sampler: "sd3_denoise",
    decoder: "sd3_l2i",
    vaeEncoder: "sd3_i2l",
    conditioning: { type: "sd3_conditioning", ...optionalNegative, negativeIsNeeded: true },
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
    conditioning: { type: "cogview4_conditioning", ...optionalNegative, negativeIsNeeded: true },
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
    extraModels: {
      vae: ["flux"],
      encoder: { input: "qwen3_encoder_model", type: "qwen3_encoder" },
      source: "qwen3_source_model",
      ignoresMain: true,
    },
    encoderVariant: () => "qwen3_4b",
    sampler: "z_image_denoise",
    decoder: "z_image_l2i",
    vaeEncoder: "z_image_i2l",
    conditioning: { type: "z_image_conditioning", ...optionalNegative },
    sizeMultiple: 16,
    samplerFields: {
      steps: integer(8, { gt: 0 }),
      guidance_scale: float(1, { ge: 1 }),
      scheduler: schedulers,
    },
    steps: "steps",
    cfg: "guidance_scale",
    samplerNeedsVae: true,
    references: ["control", "z_image_control"],
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
    extraModels: {
      vae: ["qwen-image"],
      encoder: { input: "qwen_vl_encoder_model", type: "qwen_vl_encoder" },
      source: "component_source",
    },
    sampler: "qwen_image_denoise",
    decoder: "qwen_image_l2i",
    vaeEncoder: "qwen_image_i2l",
    conditioning: { type: "qwen_image_conditioning", ...optionalNegative },
    sizeMultiple: 16,
    samplerFields: { steps: integer(40, { gt: 0 }), cfg_scale: float(4) },
    steps: "steps",
    cfg: "cfg_scale",
    editsInText: true,
    loraLoader: { type: "qwen_image_lora_collection_loader", parts: ["transformer"] },
  },
  flux2,
  {
    ...flux2,
    prefix: "flux2_dev",
    since: "6.14",
    variants: ["dev"],
    loader: "flux2_dev_model_loader",
    encoder: "flux2_dev_text_encoder",
    parts: { mistral_encoder: "mistral_encoder", max_seq_len: "integer" },
    extraModels: {
      vae: ["flux2"],
      encoder: { input: "mistral_encoder_model", type: "mistral_encoder" },
      source: "mistral_source_model",
    },
    encoderVariant: () => undefined,
    loraLoader: {
      type: "flux2_dev_lora_collection_loader",
      parts: ["transformer", "mistral_encoder"],
    },
  },
  {
    base: "anima",
    needsStep: true,
    prefix: "anima",
    loader: "anima_model_loader",
    encoder: "anima_text_encoder",
    parts: { qwen3_encoder: "qwen3_encoder" },
    extraModels: {
      vae: ["anima", "qwen-image", "flux"],
      encoder: { input: "qwen3_encoder_model", type: "qwen3_encoder" },
      areRequired: true,
    },
    encoderVariant: () => "qwen3_06b",
    sampler: "anima_denoise",
    decoder: "anima_l2i",
    vaeEncoder: "anima_i2l",
    conditioning: { type: "anima_conditioning", ...optionalNegative },
    sizeMultiple: 8,
    samplerFields: {
      steps: integer(30, { gt: 0 }),
      guidance_scale: float(4.5, { ge: 1 }),
      scheduler: choice(["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "er_sde", "lcm"], "euler"),
    },
    steps: "steps",
    cfg: "guidance_scale",
    loraLoader: {
      type: "anima_lora_collection_loader",
      parts: ["transformer", "qwen3_encoder"],
    },
  },
  {
    base: "krea-2",
    needsStep: true,
    prefix: "krea2",
    since: "6.14",
    loader: "krea2_model_loader",
    encoder: "krea2_text_encoder",
    parts: { qwen3_vl_encoder: "qwen3_vl_encoder" },
    extraModels: {
      vae: ["qwen-image", "anima"],
      encoder: { input: "qwen3_vl_encoder_model", type: "qwen3_vl_encoder" },
    },
    sampler: "krea2_denoise",
    decoder: "qwen_image_l2i",
    vaeEncoder: "qwen_image_i2l",
    conditioning: { type: "krea2_conditioning", ...optionalNegative },
    sizeMultiple: 16,
    samplerFields: {
      steps: integer(8, { gt: 0 }),
      cfg_scale: float(1),
      shift: maybe(float(undefined)),
    },
    steps: "steps",
    cfg: "cfg_scale",
    loraLoader: {
      type: "krea2_lora_collection_loader",
      parts: ["transformer", "qwen3_vl_encoder"],
    },
  },
  {
    base: "ernie-image",
    prefix: "ernie_image",
    since: "6.14",
    loader: "ernie_image_model_loader",
    loaderFields: { use_prompt_enhancer: flag(true) },
    encoder: "ernie_image_text_encoder",
    parts: { text_encoder: "mistral3_encoder" },
    extraModels: {},
    sampler: "ernie_image_denoise",
    decoder: "ernie_image_vae_decode",
    vaeEncoder: null,
    conditioning: { type: "ernie_image_conditioning", ...optionalNegative },
    sizeMultiple: 16,
    samplerFields: {
      steps: integer(50, { gt: 0 }),
      guidance_scale: float(4, { ge: 1 }),
      scheduler: schedulers,
    },
    steps: "steps",
    cfg: "guidance_scale",
  },
  {
    base: "ideogram-4",
    prefix: "ideogram4",
    since: "6.14",
    loader: "ideogram4_model_loader",
    encoder: "ideogram4_text_encoder",
    captioner: "ideogram4_caption_builder",
    parts: { qwen3_encoder: "qwen3_encoder" },
    extraModels: {},
    sampler: "ideogram4_denoise",
    decoder: "ideogram4_l2i",
    vaeEncoder: null,
    conditioning: { type: "ideogram4_conditioning", positive: "positive_conditioning" },
    sizeMultiple: 16,
    samplerFields: {
      sampler_preset: choice(["V4_QUALITY_48", "V4_DEFAULT_20", "V4_TURBO_12"], "V4_QUALITY_48"),
      steps: maybe(integer(undefined, { ge: 2, le: 100 })),
      guidance_scale: maybe(float(undefined, { ge: 1, le: 20 })),
      mu: maybe(float(undefined, { ge: -4, le: 4 })),
    },
    steps: "steps",
    cfg: null,
  },
  {
    base: "wan",
    needsStep: true,
    prefix: "wan",
    since: "6.14",
    loader: "wan_model_loader",
    encoder: "wan_text_encoder",
    parts: { wan_t5_encoder: "wan_t5_encoder" },
    transformer: "wan_transformer",
    extraModels: {},
    sampler: "wan_denoise",
    decoder: "wan_l2i",
    vaeEncoder: "wan_i2l",
    conditioning: { type: "wan_conditioning", ...optionalNegative },
    sizeMultiple: 16,
    samplerFields: {
      steps: integer(40, { gt: 0 }),
      guidance_scale: float(4, { ge: 1 }),
      guidance_scale_low_noise: maybe(float(undefined, { ge: 0 })),
    },
    steps: "steps",
    cfg: "guidance_scale",
    loraLoader: { type: "wan_lora_collection_loader", parts: ["transformer"] },
  },
];
