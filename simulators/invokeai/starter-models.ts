import { main, type ModelRecord, record } from "./model-records.ts";

/** A model that the real server offers to a new owner; `source` is what its installer takes. */
export type StarterModel = {
  name: string;
  source: string;
  base: string;
  type: string;
  format: string;
  fileSize: number;
  variant?: string;
  description: string;
  dependencies?: StarterModel[];
};

const fluxParts: StarterModel[] = [
  {
    name: "t5_bnb_int8_quantized_encoder",
    source: "InvokeAI/t5-v1_1-xxl::bnb_llm_int8",
    base: "any",
    type: "t5_encoder",
    format: "bnb_quantized_int8b",
    fileSize: 5_230_141_440,
    description: "Text encoder of FLUX, quantized.",
  },
  {
    name: "FLUX.1-schnell_ae",
    source: "black-forest-labs/FLUX.1-schnell::ae.safetensors",
    base: "flux",
    type: "vae",
    format: "checkpoint",
    fileSize: 335_304_388,
    description: "VAE of FLUX.",
  },
  {
    name: "clip-vit-large-patch14",
    source: "InvokeAI/clip-vit-large-patch14-text-encoder::bfloat16",
    base: "any",
    type: "clip_embed",
    format: "diffusers",
    fileSize: 246_144_352,
    variant: "large",
    description: "Second text encoder of FLUX.",
  },
];

const kleinParts: StarterModel[] = [
  {
    name: "FLUX.2 VAE",
    source: "black-forest-labs/FLUX.2-klein-4B::vae",
    base: "flux2",
    type: "vae",
    format: "diffusers",
    fileSize: 336_213_556,
    description: "VAE of FLUX.2.",
  },
  {
    name: "FLUX.2 Klein Qwen3 4B Encoder",
    source: "black-forest-labs/FLUX.2-klein-4B::text_encoder+tokenizer",
    base: "any",
    type: "qwen3_encoder",
    format: "qwen3_encoder",
    fileSize: 8_045_000_000,
    variant: "qwen3_4b",
    description: "Text encoder of FLUX.2 Klein 4B and Z-Image.",
  },
];

export const starterModels: readonly StarterModel[] = [
  {
    name: "Dreamshaper 8",
    source: "Lykon/dreamshaper-8",
    base: "sd-1",
    type: "main",
    format: "diffusers",
    fileSize: 2_132_625_894,
    description: "A versatile SD-1.5 model.",
  },
  {
    name: "Juggernaut XL v9",
    source: "RunDiffusion/Juggernaut-XL-v9",
    base: "sdxl",
    type: "main",
    format: "diffusers",
    fileSize: 6_938_078_334,
    description: "A photographic SDXL model.",
  },
  {
    name: "FLUX.1 schnell (quantized)",
    source: "InvokeAI/flux_schnell::transformer/bnb_nf4/flux1-schnell-bnb_nf4.safetensors",
    base: "flux",
    type: "main",
    format: "bnb_quantized_nf4b",
    fileSize: 6_652_194_816,
    variant: "schnell",
    description: "FLUX in few steps, quantized.",
    dependencies: fluxParts,
  },
  {
    name: "FLUX.2 Klein 4B (GGUF Q4)",
    source:
      "https://huggingface.co/unsloth/FLUX.2-klein-4B-GGUF/resolve/main/flux-2-klein-4b-Q4_K_M.gguf",
    base: "flux2",
    type: "main",
    format: "gguf_quantized",
    fileSize: 2_604_000_000,
    variant: "klein_4b",
    description: "FLUX.2 in four steps, quantized.",
    dependencies: kleinParts,
  },
];

/** Starter models by set. */
export const starterBundles: Readonly<Record<string, readonly string[]>> = {
  "sd-1": ["Dreamshaper 8"],
  sdxl: ["Juggernaut XL v9"],
  flux: ["FLUX.1 schnell (quantized)", ...fluxParts.map(({ name }) => name)],
  flux2: ["FLUX.2 Klein 4B (GGUF Q4)", ...kleinParts.map(({ name }) => name)],
};

export const allStarters: readonly StarterModel[] = [...starterModels, ...fluxParts, ...kleinParts];

/** The record of an installed starter model: another key on each server, the same hash on all. */
export function installedRecord({ source, ...starter }: StarterModel): ModelRecord {
  const { name, base, type, format, fileSize, description } = starter;
  const variant = starter.variant === undefined ? {} : { variant: starter.variant };
  const more = { description, format, source, ...variant };
  const made =
    type === "main" && !base.startsWith("flux")
      ? main(name, base, fileSize, more)
      : record(name, type, base, format, fileSize, { default_settings: null, ...more });
  return { ...made, key: crypto.randomUUID() };
}
