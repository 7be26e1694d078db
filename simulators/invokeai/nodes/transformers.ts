import type { Painting } from "../paint.ts";
import { imageOutput, type NodeDefinition, type RunContext } from "./definition.ts";
import { runSteps } from "./denoise-steps.ts";
import { NodeError } from "./endings.ts";
import {
  choice,
  connection,
  type Field,
  type FieldType,
  float,
  imageField,
  integer,
  modelField,
  text,
} from "./fields.ts";
import { decode, encode, sourceBytes } from "./latents.ts";
import {
  addLoras,
  loadModel,
  loraIdentity,
  type LoraUse,
  type ModelIdentifier,
  vaeOf,
  type VaeValue,
} from "./loaders.ts";
import {
  conditioningOutput,
  latentsFields,
  latentsOutput,
  readConditioning,
  readTensor,
  wrapSeed,
  type Latents,
} from "./tensors.ts";

type PartValue = { model: ModelIdentifier; loras: LoraUse[] };

/** A base whose main model is a folder with all parts, as the real server's nodes are. */
type Family = {
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

const families: readonly Family[] = [
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

const unknownModel = (key: string) => new NodeError("ValueError", `Unknown model: ${key}`);

function loaderOf(family: Family): NodeDefinition {
  const { vae, needed } = family.extraModels;
  return {
    fields: {
      model: modelField(),
      ...(vae && { vae_model: modelField("optional") }),
      ...(needed !== undefined && { [needed]: modelField("optional") }),
    },
    outputs: { transformer: "transformer", ...family.parts, vae: "vae" },
    outputType: `${family.prefix}_model_loader_output`,
    run(inputs, context) {
      const main = loadModel(context, inputs.model, "main", unknownModel);
      if (needed !== undefined && inputs[needed] == null) {
        throw new NodeError("ValueError", "No VAE source provided.");
      }
      const other =
        inputs.vae_model == null ? main : loadModel(context, inputs.vae_model, "vae", unknownModel);
      const part = (): PartValue => ({ model: main, loras: [] });
      const parts = Object.entries(family.parts).map(([name, type]) => [
        name,
        type === "integer" ? 512 : part(),
      ]);
      return { transformer: part(), ...Object.fromEntries(parts), vae: vaeOf(other) };
    },
  };
}

function encoderOf({ parts, conditioning, base, prefix }: Family): NodeDefinition {
  return {
    fields: {
      ...Object.fromEntries(
        Object.entries(parts).map(([name, type]) => [
          name,
          type === "integer"
            ? integer(512)
            : connection(type, name === "t5_encoder" ? "optional" : "required"),
        ]),
      ),
      prompt: text(""),
    },
    outputs: { conditioning: conditioning.type },
    outputType: `${prefix}_conditioning_output`,
    run(inputs, context) {
      const used = Object.entries(parts).flatMap(([name, type]) =>
        type === "integer" || inputs[name] == null ? [] : [inputs[name] as PartValue],
      );
      return conditioningOutput(context, {
        prompt: String(inputs.prompt),
        encoder: JSON.stringify(used.map(({ model, loras }) => [model.hash, loraIdentity(loras)])),
        family: base,
      });
    },
  };
}

function loraLoaderOf(family: Family): [string, NodeDefinition][] {
  if (!family.loraLoader) return [];
  const { type, parts } = family.loraLoader;
  const typeOf = (part: string) => (part === "transformer" ? "transformer" : family.parts[part]!);
  return [
    [
      type,
      {
        fields: {
          loras: connection("lora", "optional"),
          ...Object.fromEntries(parts.map((part) => [part, connection(typeOf(part), "optional")])),
        },
        outputs: Object.fromEntries(parts.map((part) => [part, typeOf(part)])),
        outputType: `${family.prefix}_lora_loader_output`,
        run: (inputs, context) =>
          Object.fromEntries(
            parts.map((part) => [
              part,
              inputs[part] == null
                ? null
                : addLoras(context, inputs[part] as PartValue, inputs.loras, [family.base]),
            ]),
          ),
      },
    ],
  ];
}

function samplerOf(family: Family): NodeDefinition {
  const { type, positive, negative, negativeIsNeeded } = family.conditioning;
  return {
    fields: {
      latents: connection("latents", "optional"),
      denoising_start: float(0, { ge: 0, le: 1 }),
      denoising_end: float(1, { ge: 0, le: 1 }),
      transformer: connection("transformer"),
      [positive]: connection(type),
      [negative]: connection(type, negativeIsNeeded ? "required" : "optional"),
      width: integer(1024, { multipleOf: family.sizeMultiple }),
      height: integer(1024, { multipleOf: family.sizeMultiple }),
      seed: integer(0),
      ...(family.samplerNeedsVae && { vae: connection("vae", "optional") }),
      ...family.samplerFields,
    },
    outputs: latentsFields,
    outputType: "latents_output",
    run: (inputs, context) => sample(family, inputs, context),
  };
}

async function sample(
  family: Family,
  inputs: Record<string, unknown>,
  context: RunContext,
): Promise<Record<string, unknown>> {
  const { positive, negative } = family.conditioning;
  const conditioning = readConditioning(context, inputs[positive]);
  const unwanted =
    inputs[negative] == null ? undefined : readConditioning(context, inputs[negative]);
  const cfg = Number(inputs[family.cfg]);
  const [start, end] = [Number(inputs.denoising_start), Number(inputs.denoising_end)];
  const source =
    inputs.latents == null
      ? undefined
      : readTensor<Latents>(context, inputs.latents, "latents_name");
  if (family.base === "flux2" && cfg !== 1 && unwanted === undefined) {
    throw new NodeError(
      "ValueError",
      "Negative text conditioning is required when cfg_scale is not 1.",
    );
  }
  if (family.samplerNeedsVae && inputs.vae == null) {
    throw new NodeError("ValueError", "A VAE is required.");
  }
  if (start > 0 && source === undefined) {
    throw new NodeError(
      "ValueError",
      "denoising_start should be 0 when initial latents are not provided.",
    );
  }
  const transformer = inputs.transformer as PartValue;
  const settings = Object.keys(family.samplerFields).map((name) => inputs[name]);
  const painting: Painting = {
    prompt: conditioning.prompt,
    seed: wrapSeed(Number(inputs.seed)),
    width: Number(inputs.width),
    height: Number(inputs.height),
    variant: JSON.stringify([
      transformer.model.hash,
      loraIdentity(transformer.loras),
      conditioning.encoder,
      // Without guidance the negative prompt has no effect.
      cfg > 1 ? unwanted?.prompt : null,
      [...settings, start, end],
    ]),
    ...(source === undefined
      ? {}
      : { source: { bytes: await sourceBytes(source), strength: end - start } }),
  };
  await runSteps(context, painting, { steps: Number(inputs[family.steps]), start, end });
  return latentsOutput(context, painting);
}

const decoder: NodeDefinition = {
  fields: {
    latents: connection("latents"),
    vae: connection("vae"),
    metadata: connection("metadata", "optional"),
    board: { type: "board", input: "either", default: null },
  },
  outputs: imageOutput,
  outputType: "image_output",
  async run(inputs, context) {
    const latents = readTensor<Latents>(context, inputs.latents, "latents_name");
    return context.saveImage(await decode(latents, inputs.vae as VaeValue), inputs);
  },
};

const vaeEncoder: NodeDefinition = {
  fields: { image: imageField(), vae: connection("vae") },
  outputs: latentsFields,
  outputType: "latents_output",
  run: ({ image }, context) => encode(image, context),
};

/** Stable Diffusion 3, CogView4, Z-Image, Qwen-Image and FLUX.2 Klein: no noise node, the size on the sampler. */
export const transformerNodes: Record<string, NodeDefinition> = Object.fromEntries(
  families.flatMap((family): [string, NodeDefinition][] => [
    [family.loader, loaderOf(family)],
    [family.encoder, encoderOf(family)],
    ...loraLoaderOf(family),
    [family.sampler, samplerOf(family)],
    [family.decoder, decoder],
    [family.vaeEncoder, vaeEncoder],
  ]),
);
