import sharp from "sharp";
import { imageOutput, type Inputs, type NodeDefinition, type RunContext } from "./definition.ts";
import { runSteps } from "./denoise-steps.ts";
import { NodeError } from "./endings.ts";
import {
  choice,
  connection,
  type Field,
  flag,
  float,
  imageField,
  integer,
  modelField,
} from "./fields.ts";
import { sourceBytes } from "./latents.ts";
import { loadModel, loraIdentity, unknownPart, type UnetValue } from "./loaders.ts";
import { readPicture } from "./read-picture.ts";
import { schedulers } from "./schedulers.ts";
import {
  type Latents,
  latentsFields,
  latentsOutput,
  type Noise,
  readConditioning,
  readTensor,
} from "./tensors.ts";

const fields: Record<string, Field> = {
  image: imageField(),
  image_to_image_model: modelField(),
  tile_size: integer(512),
  metadata: connection("metadata", "optional"),
  board: { type: "board", input: "either", default: null },
};

/** The factor of every simulated model. */
const factor = 4;

/** Enlarging by a model: the same picture with more pixels, slightly sharper. */
export const upscalingNodes: Record<string, NodeDefinition> = {
  spandrel_image_to_image: {
    fields,
    outputs: imageOutput,
    outputType: "image_output",
    run: (inputs, context) => enlarge(inputs, context, factor),
  },
  spandrel_image_to_image_autoscale: {
    fields: { ...fields, scale: float(4, { gt: 0, le: 16 }), fit_to_multiple_of_8: flag(false) },
    outputs: imageOutput,
    outputType: "image_output",
    run: (inputs, context) => enlarge(inputs, context, Number(inputs.scale)),
  },
};

/** Painting an enlarged picture again, in tiles. */
export const repaintingNodes: Record<string, NodeDefinition> = {
  unsharp_mask: {
    fields: {
      image: imageField(),
      radius: float(2, { gt: 0 }),
      strength: float(50, { ge: 0 }),
      metadata: connection("metadata", "optional"),
      board: { type: "board", input: "either", default: null },
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const bytes = await readPicture(context, inputs.image);
      return context.saveImage(await sharp(bytes).sharpen().png().toBuffer(), inputs);
    },
  },
  tiled_multi_diffusion_denoise_latents: {
    fields: {
      positive_conditioning: connection("conditioning"),
      negative_conditioning: connection("conditioning"),
      noise: connection("latents", "optional"),
      latents: connection("latents", "optional"),
      tile_height: integer(1024, { gt: 0, multipleOf: 8 }),
      tile_width: integer(1024, { gt: 0, multipleOf: 8 }),
      tile_overlap: integer(32, { gt: 0, multipleOf: 8 }),
      steps: integer(18, { gt: 0 }),
      cfg_scale: float(6, { ge: 1 }),
      denoising_start: float(0, { ge: 0, le: 1 }),
      denoising_end: float(1, { ge: 0, le: 1 }),
      scheduler: choice(schedulers, "euler"),
      unet: connection("unet"),
      cfg_rescale_multiplier: float(0, { ge: 0, lt: 1 }),
      control: connection("control", "optional"),
    },
    outputs: latentsFields,
    outputType: "latents_output",
    run: repaint,
  },
};

async function repaint(inputs: Inputs, context: RunContext): Promise<Record<string, unknown>> {
  const positive = readConditioning(context, inputs.positive_conditioning);
  const { unet, loras } = inputs.unet as UnetValue;
  const noise = readTensor<Noise>(context, inputs.noise, "latents_name");
  const source = readTensor<Latents>(context, inputs.latents, "latents_name");
  const { width, height } = source;
  if (noise.width !== width || noise.height !== height) {
    throw new NodeError("ValueError", "Incompatible 'noise' and 'latents' shapes");
  }
  const [tileWidth, tileHeight] = [Number(inputs.tile_width), Number(inputs.tile_height)];
  const overlap = Number(inputs.tile_overlap);
  if (overlap >= tileWidth || overlap >= tileHeight || tileWidth > width || tileHeight > height) {
    throw new NodeError("AssertionError", "");
  }
  const controls = [inputs.control ?? []].flat() as {
    image: { image_name: string };
    model: unknown;
  }[];
  const models = controls.map(({ model }) => loadModel(context, model, "controlnet", unknownPart));
  if (models.some(({ base }) => base !== unet.base)) {
    throw new NodeError("RuntimeError", "mat1 and mat2 shapes cannot be multiplied");
  }
  const [start, end] = [Number(inputs.denoising_start), Number(inputs.denoising_end)];
  const { steps, cfg_scale, scheduler } = inputs;
  // By their pixels, as names and metadata of pictures are new in each run.
  const held = await Promise.all(
    controls.map(async ({ image, ...settings }) => [
      Bun.hash(
        await sharp(await context.images.readBytes(image.image_name))
          .raw()
          .toBuffer(),
      ).toString(),
      settings,
    ]),
  );
  const painting = {
    prompt: positive.prompt,
    seed: noise.seed,
    width,
    height,
    variant: JSON.stringify([
      [unet.hash, loraIdentity(loras), positive.encoder, held],
      [steps, cfg_scale, scheduler, start, end],
    ]),
    source: { bytes: await sourceBytes(source), strength: Math.max(0, end - start) },
  };
  await runSteps(context, painting, { steps: Number(steps), start, end });
  return latentsOutput(context, painting);
}

async function enlarge(inputs: Inputs, context: RunContext, scale: number) {
  loadModel(context, inputs.image_to_image_model, "spandrel_image_to_image", unknownPart);
  const bytes = await readPicture(context, inputs.image);
  const { width, height } = await sharp(bytes).metadata();
  const fit = (side: number) => {
    const whole = Math.floor(side * scale);
    return inputs.fit_to_multiple_of_8 === true ? whole - (whole % 8) : whole;
  };
  const larger = sharp(bytes)
    .removeAlpha()
    .resize(fit(width), fit(height), { fit: "fill", kernel: "lanczos3" })
    .sharpen();
  return context.saveImage(await larger.png().toBuffer(), inputs);
}
