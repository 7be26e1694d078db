import type { CompanionName } from "#generation-parameters";
import type { MainModel } from "../types";
import type { Literal } from "./graph";

/** What differs between the bases whose main model is a transformer without a noise node. */
export type TransformerBase = {
  /** Begins the name of the graph, and the mode in the metadata. */
  prefix: `${string}_`;
  loader: string;
  loaderLiterals?: Readonly<Record<string, Literal>>;
  /** The main model, as a folder, is also named here: the loader does not take its parts from `model`. */
  partsFrom?: string;
  /** The loader's input for another VAE. */
  vaeInput?: "vae_model";
  /** The loader's inputs for companions, and how InvokeAI's page names each in an image's metadata. */
  companions?: Partial<Record<CompanionName, { input: string; recorded: string }>>;
  /** A node between a prompt and its encoder. */
  captioner?: string;
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
  guidanceInput?: "guidance" | "guidance_scale";
  schedulerInput: "scheduler" | "sampler_preset" | null;
  /** Whether the sampler needs the VAE. */
  samplerTakesVae?: true;
  decoder: string;
  loras?: { loader: string; parts: readonly string[] };
  /** Image to image: the node that encodes the source, and the `denoising_start`. null: text to image only. */
  source: { encoder: string; start: (strength: number, steps: number) => number } | null;
};

const linear = (strength: number): number => 1 - strength;
/** InvokeAI's "optimized denoising": these bases determine the composition in their very first steps. */
const steep = (strength: number): number => 1 - strength ** 0.2;

/** The samplers of these bases fail where no step is left to run. */
const linearToLastStep = (strength: number, steps: number): number =>
  Math.min(1 - strength, 1 - 1 / steps);

const negativeWithCfg = { into: "negative_conditioning", when: "with cfg" } as const;
const negativeAlways = { into: "negative_conditioning", when: "always" } as const;

const klein: TransformerBase = {
  prefix: "flux2_",
  loader: "flux2_klein_model_loader",
  vaeInput: "vae_model",
  companions: {
    qwen3Encoder: { input: "qwen3_encoder_model", recorded: "qwen3_encoder" },
    componentSource: { input: "qwen3_source_model", recorded: "qwen3_source" },
  },
  encoder: "flux2_klein_text_encoder",
  encoderInputs: ["qwen3_encoder", "max_seq_len"],
  positive: "positive_text_conditioning",
  negative: null,
  sampler: "flux2_denoise",
  stepsInput: "num_steps",
  cfgInput: null,
  schedulerInput: "scheduler",
  samplerTakesVae: true,
  decoder: "flux2_vae_decode",
  loras: {
    loader: "flux2_klein_lora_collection_loader",
    parts: ["transformer", "qwen3_encoder"],
  },
  source: { encoder: "flux2_vae_encode", start: steep },
};

/** By InvokeAI's base, or its base and variant; the nodes are those of its own UI. */
const table: Readonly<Record<string, TransformerBase>> = {
  "sd-3": {
    prefix: "sd3_",
    loader: "sd3_model_loader",
    vaeInput: "vae_model",
    encoder: "sd3_text_encoder",
    encoderInputs: ["clip_l", "clip_g", "t5_encoder"],
    positive: "positive_conditioning",
    negative: negativeAlways,
    sampler: "sd3_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    schedulerInput: null,
    decoder: "sd3_l2i",
    source: { encoder: "sd3_i2l", start: steep },
  },
  cogview4: {
    prefix: "cogview4_",
    loader: "cogview4_model_loader",
    encoder: "cogview4_text_encoder",
    encoderInputs: ["glm_encoder"],
    positive: "positive_conditioning",
    negative: negativeAlways,
    sampler: "cogview4_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    schedulerInput: null,
    decoder: "cogview4_l2i",
    source: { encoder: "cogview4_i2l", start: linear },
  },
  "z-image": {
    prefix: "z_image_",
    loader: "z_image_model_loader",
    partsFrom: "qwen3_source_model",
    vaeInput: "vae_model",
    companions: {
      qwen3Encoder: { input: "qwen3_encoder_model", recorded: "qwen3_encoder" },
      componentSource: { input: "qwen3_source_model", recorded: "qwen3_source" },
    },
    encoder: "z_image_text_encoder",
    encoderInputs: ["qwen3_encoder"],
    collectsPrompts: true,
    positive: "positive_conditioning",
    negative: negativeWithCfg,
    sampler: "z_image_denoise",
    stepsInput: "steps",
    cfgInput: "guidance_scale",
    schedulerInput: "scheduler",
    samplerTakesVae: true,
    decoder: "z_image_l2i",
    loras: {
      loader: "z_image_lora_collection_loader",
      parts: ["transformer", "qwen3_encoder"],
    },
    source: { encoder: "z_image_i2l", start: linear },
  },
  "qwen-image": {
    prefix: "qwen_image_",
    loader: "qwen_image_model_loader",
    vaeInput: "vae_model",
    companions: {
      qwenVlEncoder: { input: "qwen_vl_encoder_model", recorded: "qwen_image_qwen_vl_encoder" },
      componentSource: { input: "component_source", recorded: "qwen_image_component_source" },
    },
    encoder: "qwen_image_text_encoder",
    encoderInputs: ["qwen_vl_encoder"],
    positive: "positive_conditioning",
    negative: negativeWithCfg,
    emptyNegative: " ",
    sampler: "qwen_image_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    schedulerInput: null,
    decoder: "qwen_image_l2i",
    loras: { loader: "qwen_image_lora_collection_loader", parts: ["transformer"] },
    source: { encoder: "qwen_image_i2l", start: linear },
  },
  flux2: klein,
  "flux2 dev": {
    ...klein,
    loader: "flux2_dev_model_loader",
    companions: {
      mistralEncoder: { input: "mistral_encoder_model", recorded: "mistral_encoder" },
      componentSource: { input: "mistral_source_model", recorded: "mistral_source" },
    },
    encoder: "flux2_dev_text_encoder",
    encoderInputs: ["mistral_encoder", "max_seq_len"],
    guidanceInput: "guidance",
    loras: {
      loader: "flux2_dev_lora_collection_loader",
      parts: ["transformer", "mistral_encoder"],
    },
  },
  anima: {
    prefix: "anima_",
    loader: "anima_model_loader",
    vaeInput: "vae_model",
    companions: { qwen3Encoder: { input: "qwen3_encoder_model", recorded: "qwen3_encoder" } },
    encoder: "anima_text_encoder",
    encoderInputs: ["qwen3_encoder"],
    collectsPrompts: true,
    positive: "positive_conditioning",
    negative: negativeWithCfg,
    sampler: "anima_denoise",
    stepsInput: "steps",
    cfgInput: "guidance_scale",
    schedulerInput: "scheduler",
    decoder: "anima_l2i",
    loras: { loader: "anima_lora_collection_loader", parts: ["transformer", "qwen3_encoder"] },
    source: { encoder: "anima_i2l", start: linearToLastStep },
  },
  "krea-2": {
    prefix: "krea2_",
    loader: "krea2_model_loader",
    vaeInput: "vae_model",
    companions: {
      qwen3VlEncoder: { input: "qwen3_vl_encoder_model", recorded: "qwen3_vl_encoder" },
    },
    encoder: "krea2_text_encoder",
    encoderInputs: ["qwen3_vl_encoder"],
    positive: "positive_conditioning",
    negative: negativeWithCfg,
    sampler: "krea2_denoise",
    stepsInput: "steps",
    cfgInput: "cfg_scale",
    schedulerInput: null,
    // It has Qwen-Image's VAE.
    decoder: "qwen_image_l2i",
    loras: { loader: "krea2_lora_collection_loader", parts: ["transformer", "qwen3_vl_encoder"] },
    source: { encoder: "qwen_image_i2l", start: linearToLastStep },
  },
  "ernie-image": {
    prefix: "ernie_image_",
    loader: "ernie_image_model_loader",
    // What it makes of a prompt is not repeatable.
    loaderLiterals: { use_prompt_enhancer: false },
    encoder: "ernie_image_text_encoder",
    encoderInputs: ["text_encoder"],
    positive: "positive_conditioning",
    negative: negativeWithCfg,
    sampler: "ernie_image_denoise",
    stepsInput: "steps",
    cfgInput: "guidance_scale",
    schedulerInput: "scheduler",
    decoder: "ernie_image_vae_decode",
    source: null,
  },
  "ideogram-4": {
    prefix: "ideogram4_",
    loader: "ideogram4_model_loader",
    captioner: "ideogram4_caption_builder",
    encoder: "ideogram4_text_encoder",
    encoderInputs: ["qwen3_encoder"],
    positive: "positive_conditioning",
    negative: null,
    sampler: "ideogram4_denoise",
    stepsInput: "steps",
    cfgInput: null,
    guidanceInput: "guidance_scale",
    schedulerInput: "sampler_preset",
    decoder: "ideogram4_l2i",
    source: null,
  },
  wan: {
    prefix: "wan_",
    loader: "wan_model_loader",
    encoder: "wan_text_encoder",
    encoderInputs: ["wan_t5_encoder"],
    positive: "positive_conditioning",
    negative: negativeWithCfg,
    emptyNegative: " ",
    sampler: "wan_denoise",
    stepsInput: "steps",
    cfgInput: "guidance_scale",
    schedulerInput: null,
    decoder: "wan_l2i",
    loras: { loader: "wan_lora_collection_loader", parts: ["transformer"] },
    source: { encoder: "wan_i2l", start: linearToLastStep },
  },
};

export const transformerBases: readonly string[] = [
  ...new Set(Object.keys(table).map((name) => name.split(" ")[0]!)),
];

/** @throws when the base is not of the table, which is a bug */
export function transformerBaseOf({ base, variant }: Pick<MainModel, "base" | "variant">) {
  const found = table[`${base} ${variant}`] ?? table[base];
  if (!found) throw new Error(`no transformer base ${base}`);
  return found;
}
