import type { Painting } from "../paint.ts";
import { hashText } from "../random.ts";
import {
  choice,
  connection,
  flag,
  float,
  imageField,
  integer,
  text,
  type ValueFault,
} from "./fields.ts";
import { imageOutput, NodeError, type NodeDefinition, type RunContext } from "./definition.ts";
import type { ClipValue, UnetValue, VaeValue } from "./loaders.ts";
import { paint } from "../paint.ts";

/** What a text encoder stores: the words and what encoded them. */
export type Conditioning = { prompt: string; encoder: string; family: "sd" | "sdxl" | "flux" };

/** What latents stand for until they are decoded. */
export type Latents = Painting;

type Noise = { seed: number; width: number; height: number };

/** The 31 schedulers of the SD family. */
export const schedulers = [
  "ddim",
  "ddpm",
  "deis",
  "deis_k",
  "lms",
  "lms_k",
  "pndm",
  "heun",
  "heun_k",
  "euler",
  "euler_k",
  "euler_a",
  "kdpm_2",
  "kdpm_2_k",
  "kdpm_2_a",
  "kdpm_2_a_k",
  "dpmpp_2s",
  "dpmpp_2s_k",
  "dpmpp_2m",
  "dpmpp_2m_k",
  "dpmpp_2m_sde",
  "dpmpp_2m_sde_k",
  "dpmpp_3m",
  "dpmpp_3m_k",
  "dpmpp_sde",
  "dpmpp_sde_k",
  "er_sde",
  "unipc",
  "unipc_k",
  "lcm",
  "tcd",
] as const;

/** Stores a tensor under a new name. */
export function storeTensor(context: RunContext, value: unknown): string {
  const name = crypto.randomUUID();
  context.tensors.set(name, value);
  return name;
}

/** Reads a tensor by the name in `field` of a value that came by an edge. */
export function readTensor<T>(context: RunContext, value: unknown, field: string): T {
  return context.tensors.get((value as Record<string, string>)[field] ?? "") as T;
}

export function latentsOutput(context: RunContext, latents: Latents): Record<string, unknown> {
  return {
    latents: { latents_name: storeTensor(context, latents), seed: null },
    width: latents.width,
    height: latents.height,
  };
}

/** Runs the steps from `start` to `end` (0–1), each of which may be held or canceled. */
export async function runSteps(
  context: RunContext,
  painting: Painting,
  plan: { steps: number; start: number; end: number },
): Promise<void> {
  const first = Math.round(plan.steps * plan.start);
  const count = Math.max(0, Math.round(plan.steps * plan.end) - first);
  for (let step = 0; step < count; step += 1) await context.runStep(step, count, painting);
}

/** The first conditioning of one or several. */
export function readConditioning(context: RunContext, value: unknown): Conditioning {
  const first = Array.isArray(value) ? value[0] : value;
  return readTensor<Conditioning>(context, first, "conditioning_name");
}

export const latentsFields = { latents: "latents", width: "integer", height: "integer" } as const;

/** Prompt, noise, denoising and the way between pixels and latents. */
export const samplingNodes: Record<string, NodeDefinition> = {
  compel: {
    fields: { prompt: text(""), clip: connection("clip") },
    outputs: { conditioning: "conditioning" },
    outputType: "conditioning_output",
    run({ prompt, clip }, context) {
      const { skipped_layers, text_encoder, loras } = clip as ClipValue;
      return conditioning(context, {
        prompt: String(prompt),
        encoder: JSON.stringify([text_encoder.hash, skipped_layers, loras]),
        family: "sd",
      });
    },
  },
  sdxl_compel_prompt: {
    fields: {
      prompt: text(""),
      style: text(""),
      original_width: integer(1024),
      original_height: integer(1024),
      crop_top: integer(0),
      crop_left: integer(0),
      target_width: integer(1024),
      target_height: integer(1024),
      clip: connection("clip"),
      clip2: connection("clip"),
    },
    outputs: { conditioning: "conditioning" },
    outputType: "conditioning_output",
    run({ prompt, style, clip }, context) {
      const { text_encoder, loras } = clip as ClipValue;
      return conditioning(context, {
        prompt: String(prompt),
        encoder: JSON.stringify([text_encoder.hash, style, loras]),
        family: "sdxl",
      });
    },
  },
  noise: {
    fields: {
      seed: integer(0),
      width: integer(512, { multipleOf: 8, gt: 0 }),
      height: integer(512, { multipleOf: 8, gt: 0 }),
      use_cpu: flag(true),
    },
    outputs: { noise: "latents", width: "integer", height: "integer" },
    outputType: "noise_output",
    run({ seed, width, height }, context) {
      const noise: Noise = {
        seed: wrapSeed(Number(seed)),
        width: Number(width),
        height: Number(height),
      };
      const latents_name = storeTensor(context, noise);
      return { noise: { latents_name, seed: null }, width: noise.width, height: noise.height };
    },
  },
  denoise_latents: {
    fields: {
      positive_conditioning: connection("conditioning"),
      negative_conditioning: connection("conditioning"),
      noise: connection("latents", "optional"),
      steps: integer(10, { gt: 0 }),
      cfg_scale: { ...float(7.5), check: checkCfgScale },
      denoising_start: float(0, { ge: 0, le: 1 }),
      denoising_end: float(1, { ge: 0, le: 1 }),
      scheduler: choice(schedulers, "euler"),
      unet: connection("unet"),
      cfg_rescale_multiplier: float(0, { ge: 0, lt: 1 }),
      latents: connection("latents", "optional"),
    },
    outputs: latentsFields,
    outputType: "latents_output",
    async run(inputs, context) {
      const positive = readConditioning(context, inputs.positive_conditioning);
      const negative = readConditioning(context, inputs.negative_conditioning);
      const unet = inputs.unet as UnetValue;
      const family = unet.unet.base === "sdxl" ? "sdxl" : "sd";
      if (positive.family !== family) {
        throw new NodeError("TypeError", "argument of type 'NoneType' is not iterable");
      }
      const noise =
        inputs.noise == null ? undefined : readTensor<Noise>(context, inputs.noise, "latents_name");
      const source =
        inputs.latents == null
          ? undefined
          : readTensor<Latents>(context, inputs.latents, "latents_name");
      const size = noise ?? source;
      if (size === undefined) {
        throw new NodeError("ValueError", "'latents' or 'noise' must be provided!");
      }
      if (source !== undefined && (source.width !== size.width || source.height !== size.height)) {
        throw new NodeError(
          "ValueError",
          `Incompatible 'noise' and 'latents' shapes: ${shape(size)} ${shape(source)}`,
        );
      }
      const start = Number(inputs.denoising_start);
      const end = Number(inputs.denoising_end);
      const { steps, cfg_scale, cfg_rescale_multiplier, scheduler } = inputs;
      const painting: Painting = {
        prompt: positive.prompt,
        seed: noise?.seed ?? 0,
        width: size.width,
        height: size.height,
        variant: JSON.stringify([
          unet.unet.hash,
          unet.loras,
          unet.seamless_axes,
          positive.encoder,
          negative.prompt,
          [steps, cfg_scale, cfg_rescale_multiplier, scheduler, start, end],
        ]),
        ...(source === undefined
          ? {}
          : { source: { bytes: await sourceBytes(source), strength: Math.max(0, end - start) } }),
      };
      await runSteps(context, painting, { steps: Number(steps), start, end });
      return latentsOutput(context, painting);
    },
  },
  l2i: {
    fields: {
      latents: connection("latents"),
      vae: connection("vae"),
      tiled: flag(false),
      tile_size: integer(0),
      fp32: flag(false),
      metadata: connection("metadata", "optional"),
      board: { type: "board", input: "either", default: null },
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const latents = readTensor<Latents>(context, inputs.latents, "latents_name");
      return context.saveImage(await decode(latents, inputs.vae as VaeValue), inputs);
    },
  },
  i2l: {
    fields: {
      image: imageField(),
      vae: connection("vae"),
      tiled: flag(false),
      tile_size: integer(0),
      fp32: flag(false),
      color_compensation: choice(["None", "SDXL"], "None"),
    },
    outputs: latentsFields,
    outputType: "latents_output",
    run: ({ image }, context) => encode(image, context),
  },
};

/** Seeds count modulo 2³², negative ones from its end. */
export function wrapSeed(seed: number): number {
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** A rule in words of its own, not one of the validator's ranges. */
function checkCfgScale(value: unknown): ValueFault | undefined {
  if (typeof value === "number" && value >= 1) return undefined;
  return {
    type: "value_error",
    msg: "Value error, cfg_scale must be greater than 1",
    ctx: { error: {} },
  };
}

function conditioning(context: RunContext, value: Conditioning): Record<string, unknown> {
  return { conditioning: { conditioning_name: storeTensor(context, value), mask: null } };
}

function shape(size: { width: number; height: number }): string {
  return `torch.Size([1, 4, ${size.height / 8}, ${size.width / 8}])`;
}

/** Paints what the latents stand for; another VAE shifts the pixels a little. */
export async function decode(latents: Latents, vae?: VaeValue): Promise<Buffer> {
  const isUntouchedSource = latents.source?.strength === 0;
  if (vae === undefined || isUntouchedSource) return paint(latents);
  const variant = `${latents.variant}|${hashText(JSON.stringify(vae))}`;
  return paint({ ...latents, variant });
}

/** The picture that latents hold, for a sampler to start from. */
export function sourceBytes(latents: Latents): Buffer | Promise<Buffer> {
  const { source } = latents;
  return source?.strength === 0 ? source.bytes : decode(latents);
}

/** Latents that stand for a stored picture, cut to multiples of eight. */
export async function encode(
  image: unknown,
  context: RunContext,
): Promise<Record<string, unknown>> {
  const { image_name } = image as { image_name: string };
  const record = context.images.getForNode(image_name);
  const bytes = await context.images.readBytes(image_name);
  return latentsOutput(context, {
    prompt: "",
    seed: 0,
    width: record.width - (record.width % 8),
    height: record.height - (record.height % 8),
    source: { bytes, strength: 0 },
  });
}
