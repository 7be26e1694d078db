import sharp from "sharp";
import { imageOutput, type Inputs, type NodeDefinition, type RunContext } from "./definition.ts";
import { connection, flag, float, imageField, integer, modelField, type Field } from "./fields.ts";
import { loadModel, unknownPart } from "./loaders.ts";

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

async function enlarge(inputs: Inputs, context: RunContext, scale: number) {
  loadModel(context, inputs.image_to_image_model, "spandrel_image_to_image", unknownPart);
  const { image_name } = inputs.image as { image_name: string };
  context.images.getForNode(image_name);
  const bytes = await context.images.readBytes(image_name);
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
