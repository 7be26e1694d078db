import sharp from "sharp";
import { blendPictures, rawOf } from "../paint.ts";
import { imageOutput, type Inputs, type NodeDefinition, type RunContext } from "./definition.ts";
import { choice, connection, flag, float, imageField, integer, type Field } from "./fields.ts";
import { readPicture } from "./read-picture.ts";
import { storeTensor } from "./tensors.ts";

const saved: Record<string, Field> = {
  metadata: connection("metadata", "optional"),
  board: { type: "board", input: "either", default: null },
};

const blendModes = [
  "Normal",
  "Lighten Only",
  "Darken Only",
  "Lighten Only (EAL)",
  "Darken Only (EAL)",
  "Hue",
  "Saturation",
  "Color",
  "Luminosity",
  "Linear Dodge (Add)",
  "Subtract",
  "Multiply",
  "Divide",
  "Screen",
  "Overlay",
  "Linear Burn",
  "Difference",
  "Hard Light",
  "Soft Light",
  "Vivid Light",
  "Linear Light",
  "Color Burn",
  "Color Dodge",
];
const blendSpaces = [
  "RGB",
  "Linear RGB",
  "HSL (RGB)",
  "HSV (RGB)",
  "Okhsl",
  "Okhsv",
  "Oklch (Oklab)",
  "LCh (CIELab)",
];

async function sizeOf(bytes: Buffer): Promise<{ width: number; height: number }> {
  const { width, height } = await sharp(bytes).metadata();
  return { width, height };
}

/** Fills what is transparent with the average colour of the rest; an opaque picture is returned as it is. */
function infill(fields: Record<string, Field> = {}): NodeDefinition {
  return {
    fields: { image: imageField(), ...fields, ...saved },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const bytes = await readPicture(context, inputs.image);
      const size = await sizeOf(bytes);
      const { hasAlpha } = await sharp(bytes).metadata();
      if (!hasAlpha) return { image: inputs.image, ...size };
      const { channels } = await sharp(bytes).removeAlpha().stats();
      const [r = 0, g = 0, b = 0] = channels.map(({ mean }) => Math.round(mean));
      const filled = sharp(bytes).flatten({ background: { r, g, b } });
      return context.saveImage(await filled.png().toBuffer(), inputs);
    },
  };
}

/** Nodes that paint a part of a picture and put it back. */
export const paintingNodes: Record<string, NodeDefinition> = {
  create_gradient_mask: {
    fields: {
      mask: imageField(),
      edge_radius: integer(16, { ge: 0 }),
      coherence_mode: choice(["Gaussian Blur", "Box Blur", "Staged"], "Gaussian Blur"),
      minimum_denoise: float(0, { ge: 0, le: 1 }),
      image: imageField("optional"),
      unet: connection("unet", "optional"),
      vae: connection("vae", "optional"),
      tiled: flag(false),
      fp32: flag(false),
    },
    outputs: { denoise_mask: "denoise_mask", expanded_mask_area: "image" },
    outputType: "gradient_mask_output",
    async run(inputs, context) {
      const bytes = await readPicture(context, inputs.mask);
      const { width, height } = await sizeOf(bytes);
      // On an eight-pixel raster, and beyond the given edge, as the real one. Alpha is ignored.
      const opaque = await sharp(bytes).removeAlpha().greyscale().png().toBuffer();
      const coarse = await sharp(opaque)
        .resize(Math.ceil(width / 8), Math.ceil(height / 8), { fit: "fill", kernel: "nearest" })
        .erode(Math.max(1, Math.floor(Number(inputs.edge_radius) / 8)))
        .png()
        .toBuffer();
      const grown = await sharp(coarse)
        .resize(width, height, { fit: "fill", kernel: "nearest" })
        .png()
        .toBuffer();
      const { image } = await context.saveImage(grown, { ...inputs, is_intermediate: true });
      return {
        denoise_mask: {
          mask_name: storeTensor(context, grown),
          masked_latents_name: isInpaintModel(inputs, context) ? storeTensor(context, bytes) : null,
          gradient: true,
        },
        expanded_mask_area: image,
      };
    },
  },
  invokeai_img_blend: {
    fields: {
      layer_upper: imageField(),
      blend_mode: choice(blendModes, "Normal"),
      opacity: float(1, { ge: 0 }),
      mask: imageField("optional"),
      fit_to_width: flag(false),
      fit_to_height: flag(true),
      layer_base: imageField(),
      color_space: choice(blendSpaces, "RGB"),
      adaptive_gamut: float(0, { ge: 0 }),
      high_precision: flag(true),
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    run: blend,
  },
  img_paste: {
    fields: {
      base_image: imageField(),
      image: imageField(),
      mask: imageField("optional"),
      x: integer(0),
      y: integer(0),
      crop: flag(false),
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const base = sharp(await readPicture(context, inputs.base_image)).ensureAlpha();
      const input = await readPicture(context, inputs.image);
      const pasted = base.composite([{ input, left: Number(inputs.x), top: Number(inputs.y) }]);
      return context.saveImage(await pasted.png().toBuffer(), inputs);
    },
  },
  img_noise: {
    fields: {
      image: imageField(),
      mask: imageField("optional"),
      seed: integer(0, { ge: 0, le: 2 ** 32 - 1 }),
      noise_type: choice(["gaussian", "salt_and_pepper"], "gaussian"),
      amount: float(0.1, { ge: 0, le: 1 }),
      noise_color: flag(true),
      size: integer(1, { ge: 1 }),
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const bytes = await readPicture(context, inputs.image);
      const size = await sizeOf(bytes);
      const under = await rawOf(bytes, size);
      const over = Buffer.from(under.map((_value, at) => (at * 97 + Number(inputs.seed)) % 256));
      const mask =
        inputs.mask == null
          ? Buffer.alloc(under.length)
          : await readPicture(context, inputs.mask).then((png) => rawOf(png, size));
      return context.saveImage(await blendPictures({ ...size, under, over, mask }), inputs);
    },
  },
  infill_cv2: infill(),
  infill_lama: infill(),
  infill_tile: infill({
    tile_size: integer(32, { ge: 1 }),
    seed: integer(0, { ge: 0, le: 2 ** 32 - 1 }),
  }),
  infill_patchmatch: infill({
    downscale: float(2, { gt: 0 }),
    resample_mode: choice(
      ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"],
      "bicubic",
    ),
  }),
};

/** Whether the model is one that also sees the rest of the picture. */
function isInpaintModel({ unet, vae, image }: Inputs, context: RunContext): boolean {
  if (unet == null || vae == null || image == null) return false;
  const { key } = (unet as { unet: { key: string } }).unet;
  return context.models.find(key)?.variant === "inpaint";
}

/** The upper layer, stretched to the size of the base, where the mask is black. */
async function blend(inputs: Inputs, context: RunContext): Promise<Record<string, unknown>> {
  const base = await readPicture(context, inputs.layer_base);
  const size = await sizeOf(base);
  const under = await rawOf(base, size);
  const over = await rawOf(await readPicture(context, inputs.layer_upper), size);
  const mask =
    inputs.mask == null
      ? Buffer.alloc(under.length)
      : await rawOf(await readPicture(context, inputs.mask), size);
  return context.saveImage(await blendPictures({ ...size, under, over, mask }), inputs);
}
