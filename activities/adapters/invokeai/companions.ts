import type { NeededModel } from "#generation-parameters";
import type { MainModel } from "./types";

// The sources are those of InvokeAI's own starter models.

const t5Encoder: NeededModel = {
  part: "t5Encoder",
  type: "t5_encoder",
  bases: ["any"],
  title: "a T5 text encoder",
  source: "InvokeAI/t5-v1_1-xxl::bnb_llm_int8",
};

const clipEmbed: NeededModel = {
  part: "clipEmbed",
  type: "clip_embed",
  bases: ["any"],
  variants: ["large"],
  title: "a CLIP text encoder (CLIP-L)",
  source: "InvokeAI/clip-vit-large-patch14-text-encoder::bfloat16",
};

const qwenVlEncoder: NeededModel = {
  part: "qwenVlEncoder",
  type: "qwen_vl_encoder",
  bases: ["any"],
  // InvokeAI fetches a tokenizer for a single file.
  formats: ["qwen_vl_encoder", "checkpoint"],
  title: "a Qwen2.5-VL text encoder",
  source: "Qwen/Qwen-Image-Edit-2511::text_encoder+tokenizer+processor",
};

const qwen3VlEncoder: NeededModel = {
  part: "qwen3VlEncoder",
  type: "qwen3_vl_encoder",
  bases: ["any"],
  title: "a Qwen3-VL text encoder",
  source: "Qwen/Qwen3-VL-4B-Instruct",
};

const mistralEncoder: NeededModel = {
  part: "mistralEncoder",
  type: "mistral_encoder",
  bases: ["any"],
  title: "a Mistral text encoder",
  source:
    "https://huggingface.co/gguf-org/flux2-dev-gguf/resolve/main/cow-mistral3-small-q4_0.gguf",
};

/** An encoder of another size makes InvokeAI fail while it runs. */
function qwen3Encoder(size: "0.6B" | "4B" | "8B"): NeededModel {
  return {
    part: "qwen3Encoder",
    type: "qwen3_encoder",
    bases: ["any"],
    variants: [`qwen3_${size.replace(".", "").toLowerCase()}`],
    title: `a Qwen3 ${size} text encoder`,
    source: qwen3Sources[size],
  };
}

const qwen3Sources = {
  "0.6B":
    "https://huggingface.co/circlestone-labs/Anima/resolve/main/split_files/text_encoders/qwen_3_06b_base.safetensors",
  "4B": "black-forest-labs/FLUX.2-klein-4B::text_encoder+tokenizer",
  "8B": "black-forest-labs/FLUX.2-klein-9B::text_encoder+tokenizer",
};

const vae = (source: string, ...bases: [string, ...string[]]): NeededModel => ({
  part: "vae",
  type: "vae",
  bases,
  title: `a VAE for ${bases[0]}`,
  source,
});

const fluxVae = vae("black-forest-labs/FLUX.1-schnell::ae.safetensors", "flux");
const flux2Vae = vae("black-forest-labs/FLUX.2-klein-4B::vae", "flux2");
const qwenVaeSource = "Qwen/Qwen-Image-Edit-2511::vae/diffusion_pytorch_model.safetensors";
const animaVaeSource =
  "https://huggingface.co/circlestone-labs/Anima/resolve/main/split_files/vae/qwen_image_vae.safetensors";

/** A folder of diffusers, which holds all parts. */
const folder = (base: string, variants: string[], title: string, source: string): NeededModel => ({
  part: "componentSource",
  type: "main",
  bases: [base],
  variants,
  formats: ["diffusers"],
  title: `${title} as a folder of diffusers`,
  source,
});

const kleins = {
  "4B": folder(
    "flux2",
    ["klein_4b", "klein_4b_base"],
    "FLUX.2 Klein 4B",
    "black-forest-labs/FLUX.2-klein-4B",
  ),
  "8B": folder(
    "flux2",
    ["klein_9b", "klein_9b_base"],
    "FLUX.2 Klein 9B",
    "black-forest-labs/FLUX.2-klein-9B",
  ),
};

function ofFlux2(variant: string | null): NeededModel[][] {
  if (variant === "dev") {
    const dev = folder("flux2", ["dev"], "FLUX.2 dev", "black-forest-labs/FLUX.2-dev");
    return [[flux2Vae, mistralEncoder], [dev]];
  }
  const size = variant?.startsWith("klein_9b") ? "8B" : "4B";
  return [[flux2Vae, qwen3Encoder(size)], [kleins[size]]];
}

function ofQwenImage(variant: string | null): NeededModel[][] {
  const isEdit = variant === "edit";
  const title = isEdit ? "Qwen-Image-Edit" : "Qwen-Image";
  const source = isEdit ? "Qwen/Qwen-Image-Edit-2511" : "Qwen/Qwen-Image-2512";
  const same = folder("qwen-image", [variant ?? "generate"], title, source);
  return [[same], [vae(qwenVaeSource, "qwen-image"), qwenVlEncoder]];
}

function ofZImage(variant: string | null): NeededModel[][] {
  const variants = variant === "zbase" ? ["zbase", "turbo"] : ["turbo", "zbase"];
  const source = folder("z-image", variants, "Z-Image", "Tongyi-MAI/Z-Image-Turbo");
  return [[source], [fluxVae, qwen3Encoder("4B")]];
}

/**
 * For each base whose models may be a single file, such as GGUF: alternatives of what InvokeAI's loader needs beside it, in
 * the order in which InvokeAI's page chooses.
 */
const alternatives: Readonly<Record<string, (variant: string | null) => NeededModel[][]>> = {
  flux: () => [[t5Encoder, clipEmbed, fluxVae]],
  flux2: ofFlux2,
  "z-image": ofZImage,
  "qwen-image": ofQwenImage,
  "krea-2": () => [[vae(qwenVaeSource, "qwen-image", "anima"), qwen3VlEncoder]],
  anima: () => [[vae(animaVaeSource, "anima", "qwen-image", "flux"), qwen3Encoder("0.6B")]],
};

/** Bases of which InvokeAI's loader takes no folder of diffusers. */
const onlySingleFiles: readonly string[] = ["flux", "anima"];
/** Bases whose parts InvokeAI's loader takes only from the main model. */
const unetBases: readonly string[] = ["sd-1", "sd-2", "sdxl"];

type Kind = Pick<MainModel, "base" | "format" | "variant">;

/** Whether InvokeAI's loader takes a model of this format. */
export function isLoadable({ base, format }: Kind): boolean {
  if (unetBases.includes(base)) return true;
  if (format === "diffusers") return !onlySingleFiles.includes(base);
  return Object.hasOwn(alternatives, base);
}

/** Alternatives of models that a main model needs beside it, best first; none: it holds all its parts. */
export function companionsOf({ base, format, variant }: Kind): NeededModel[][] {
  const needed = Object.hasOwn(alternatives, base) ? alternatives[base] : undefined;
  return needed === undefined || format === "diffusers" ? [] : needed(variant);
}
