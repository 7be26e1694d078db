import { paint } from "../paint.ts";
import { hashText } from "../random.ts";
import { imageOutput, type NodeDefinition, type RunContext } from "./definition.ts";
import { choice, connection, flag, imageField, integer } from "./fields.ts";
import type { VaeValue } from "./loaders.ts";
import { latentsFields, latentsOutput, readTensor, type Latents } from "./tensors.ts";

/** Conversions between latents and pixels. */
export const latentsNodes: Record<string, NodeDefinition> = {
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

const modes = ["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"];

/** Latents of another size. */
export const resizingNodes: Record<string, NodeDefinition> = {
  lresize: {
    fields: {
      latents: connection("latents"),
      width: integer(undefined, { ge: 64, multipleOf: 8 }),
      height: integer(undefined, { ge: 64, multipleOf: 8 }),
      mode: choice(modes, "bilinear"),
      antialias: flag(false),
    },
    outputs: latentsFields,
    outputType: "latents_output",
    async run(inputs, context) {
      const latents = readTensor<Latents>(context, inputs.latents, "latents_name");
      return latentsOutput(context, {
        prompt: "",
        seed: 0,
        width: Number(inputs.width),
        height: Number(inputs.height),
        source: { bytes: await sourceBytes(latents), strength: 0 },
      });
    },
  },
};

/** The decoder of bases that are not of the SD family. */
export const vaeDecoder: NodeDefinition = {
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

/** Their encoder. */
export const vaeEncoder: NodeDefinition = {
  fields: { image: imageField(), vae: connection("vae") },
  outputs: latentsFields,
  outputType: "latents_output",
  run: ({ image }, context) => encode(image, context),
};

/** Paints the picture of the latents; another VAE changes the pixels slightly. */
async function decode(latents: Latents, vae?: VaeValue): Promise<Buffer> {
  const isUntouchedSource = latents.source?.strength === 0;
  if (vae === undefined || isUntouchedSource) return paint(latents);
  const variant = `${latents.variant}|${hashText(JSON.stringify([vae.vae.hash, vae.seamless_axes]))}`;
  return paint({ ...latents, variant });
}

/** The picture in latents, as a sampler's start. */
export function sourceBytes(latents: Latents): Buffer | Promise<Buffer> {
  const { source } = latents;
  return source?.strength === 0 ? source.bytes : decode(latents);
}

/** Latents for a stored picture, cropped to multiples of eight. */
async function encode(image: unknown, context: RunContext): Promise<Record<string, unknown>> {
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
