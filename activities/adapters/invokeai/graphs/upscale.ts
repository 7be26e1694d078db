import type { ModelIdentifier } from "../types";
import { createGraph, type Graph, identify, outputNode, seedNode } from "./graph";

const upscaleNode = "spandrel_image_to_image_autoscale";

/** Large enough for few seams, small enough for the memory of any graphics card. */
const tileSize = 512;

/** A whole uploaded picture, enlarged by a model. The seed has no influence; the metadata records it. */
export function buildUpscaleGraph(request: {
  model: ModelIdentifier;
  imageName: string;
  prompt: string;
  /** Up to the model's own factor: beyond it InvokeAI runs the model again on its result. */
  scale: number;
  /** Of the uploaded picture. */
  width: number;
  height: number;
}): Graph {
  const { model, imageName, prompt, scale, width, height } = request;
  const graph = createGraph("upscale");
  graph.output(upscaleNode, {
    image: { image_name: imageName },
    image_to_image_model: identify(model),
    tile_size: tileSize,
    scale,
    fit_to_multiple_of_8: false,
  });
  graph.node("meta", "core_metadata", {
    positive_prompt: prompt,
    width: Math.floor(width * scale),
    height: Math.floor(height * scale),
    upscale_model: identify(model),
    upscale_scale: scale,
    upscale_initial_image: imageName,
  });
  graph.connect(`${seedNode}.value`, "meta.seed");
  graph.connect("meta.metadata", `${outputNode}.metadata`);
  return graph.build();
}
