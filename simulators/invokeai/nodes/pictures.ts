import sharp from "sharp";
import { choice, connection, float, imageField, integer, text, type Field } from "./fields.ts";
import { imageOutput, type NodeDefinition } from "./definition.ts";
import { NodeError } from "./endings.ts";
import { readPicture } from "./read-picture.ts";

const saved: Record<string, Field> = {
  metadata: connection("metadata", "optional"),
  board: { type: "board", input: "either", default: null },
};

const kernels = {
  nearest: "nearest",
  box: "linear",
  bilinear: "linear",
  hamming: "linear",
  bicubic: "cubic",
  lanczos: "lanczos3",
} as const;

/** Nodes that make pictures without a model. */
export const pictureNodes: Record<string, NodeDefinition> = {
  blank_image: {
    fields: {
      width: integer(512),
      height: integer(512),
      mode: choice(["RGB", "RGBA"], "RGB"),
      color: { type: "color", input: "either", default: { r: 0, g: 0, b: 0, a: 255 } },
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const { r, g, b, a } = inputs.color as { r: number; g: number; b: number; a: number };
      const isTransparent = inputs.mode === "RGBA";
      const picture = sharp({
        create: {
          width: Number(inputs.width),
          height: Number(inputs.height),
          channels: isTransparent ? 4 : 3,
          background: { r, g, b, alpha: isTransparent ? a / 255 : 1 },
        },
      });
      return context.saveImage(await picture.png().toBuffer(), inputs);
    },
  },
  image: {
    fields: { image: imageField() },
    outputs: imageOutput,
    outputType: "image_output",
    run({ image }, context) {
      const { image_name } = image as { image_name: string };
      const { width, height } = context.images.getForNode(image_name);
      return { image: { image_name }, width, height };
    },
  },
  save_image: {
    fields: { image: imageField(), ...saved },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      return context.saveImage(await readPicture(context, inputs.image), inputs);
    },
  },
  img_blur: {
    fields: {
      image: imageField(),
      radius: float(8, { ge: 0 }),
      blur_type: choice(["gaussian", "box"], "gaussian"),
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const blurred = sharp(await readPicture(context, inputs.image)).blur(
        Math.max(Number(inputs.radius), 0.3),
      );
      return context.saveImage(await blurred.png().toBuffer(), inputs);
    },
  },
  // Reads a file of the server in reality; here it only has to be known.
  prompt_from_file: {
    fields: { file_path: text(undefined) },
    outputs: { collection: "collection" },
    outputType: "string_collection_output",
    run: () => {
      throw new NodeError("FileNotFoundError", "No such file or directory");
    },
  },
  img_resize: {
    fields: {
      image: imageField(),
      width: integer(512, { gt: 0 }),
      height: integer(512, { gt: 0 }),
      resample_mode: choice(Object.keys(kernels), "bicubic"),
      ...saved,
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const resized = sharp(await readPicture(context, inputs.image)).resize({
        width: Number(inputs.width),
        height: Number(inputs.height),
        fit: "fill",
        kernel: kernels[inputs.resample_mode as keyof typeof kernels],
      });
      return context.saveImage(await resized.png({ compressionLevel: 4 }).toBuffer(), inputs);
    },
  },
};
