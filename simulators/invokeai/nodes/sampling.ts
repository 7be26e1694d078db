import type { Painting } from "../paint.ts";
import { runSteps } from "./denoise-steps.ts";
import type { NodeDefinition } from "./definition.ts";
import { NodeError } from "./endings.ts";
import { choice, connection, flag, float, integer, text, type ValueFault } from "./fields.ts";
import { sourceBytes } from "./latents.ts";
import { loraIdentity, type ClipValue, type UnetValue } from "./loaders.ts";
import { referencesOf } from "./references.ts";
import { schedulers } from "./schedulers.ts";
import {
  conditioningOutput,
  latentsFields,
  latentsOutput,
  maskOf,
  readConditioning,
  readTensor,
  storeTensor,
  wrapSeed,
  type Latents,
  type Noise,
} from "./tensors.ts";

/** Prompt, noise and denoising of the SD family. */
export const samplingNodes: Record<string, NodeDefinition> = {
  compel: {
    fields: { prompt: text(""), clip: connection("clip") },
    outputs: { conditioning: "conditioning" },
    outputType: "conditioning_output",
    run({ prompt, clip }, context) {
      const { skipped_layers, text_encoder, loras } = clip as ClipValue;
      return conditioningOutput(context, {
        prompt: String(prompt),
        encoder: JSON.stringify([text_encoder.hash, skipped_layers, loraIdentity(loras)]),
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
      return conditioningOutput(context, {
        prompt: String(prompt),
        encoder: JSON.stringify([text_encoder.hash, style, loraIdentity(loras)]),
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
      denoise_mask: connection("denoise_mask", "optional"),
      control: connection("control", "optional"),
      ip_adapter: connection("ip_adapter", "optional"),
      t2i_adapter: connection("t2i_adapter", "optional"),
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
      const shown = await referencesOf(inputs, unet.unet.base, context);
      const painting: Painting = {
        prompt: positive.prompt,
        seed: noise?.seed ?? 0,
        width: size.width,
        height: size.height,
        variant: JSON.stringify([
          unet.unet.hash,
          loraIdentity(unet.loras),
          unet.seamless_axes,
          positive.encoder,
          negative.prompt,
          [steps, cfg_scale, cfg_rescale_multiplier, scheduler, start, end],
          ...shown.identity,
        ]),
        references: shown.references,
        ...(source === undefined
          ? {}
          : { source: { bytes: await sourceBytes(source), strength: Math.max(0, end - start) } }),
        ...maskOf(context, inputs.denoise_mask),
      };
      await runSteps(context, painting, { steps: Number(steps), start, end });
      return latentsOutput(context, painting);
    },
  },
};

/** A rule with its own message, not one of the validator's ranges. */
function checkCfgScale(value: unknown): ValueFault | undefined {
  if (typeof value === "number" && value >= 1) return undefined;
  return {
    type: "value_error",
    msg: "Value error, cfg_scale must be greater than 1",
    ctx: { error: {} },
  };
}

function shape(size: { width: number; height: number }): string {
  return `torch.Size([1, 4, ${size.height / 8}, ${size.width / 8}])`;
}
