import type { BatchValues, ModelIdentifier } from "../types";
import { createGraph, type Graph, identify, outputNode, seedNode } from "./graph";

const upscaleNode = "spandrel_image_to_image_autoscale";

/** Large enough for few seams, small enough for the memory of any graphics card. */
const tileSize = 512;

/** A whole uploaded picture, with its size. */
export type EnlargedPicture = {
  imageName: string;
  prompt: string;
  /** Up to the model's own factor: beyond it InvokeAI runs the model again on its result. */
  scale: number;
  width: number;
  height: number;
};

/**
 * Pictures that are enlarged by a model: the graph of the first, and the values that differ between them. The seed has no
 * influence; the metadata records it.
 */
export function buildUpscaleGraph({
  model,
  pictures,
}: {
  model: ModelIdentifier;
  pictures: readonly [EnlargedPicture, ...EnlargedPicture[]];
}): { graph: Graph; values: BatchValues[] } {
  const [first] = pictures;
  const isUniform = pictures.every(({ scale }) => scale === first.scale);
  const graph = createGraph("upscale");
  graph.output(upscaleNode, {
    image: { image_name: first.imageName },
    image_to_image_model: identify(model),
    tile_size: tileSize,
    scale: first.scale,
    fit_to_multiple_of_8: false,
  });
  graph.node("meta", "core_metadata", {
    positive_prompt: first.prompt,
    ...sizeAfter(first),
    init_image: first.imageName,
    upscale_model: identify(model),
    // A field that InvokeAI does not know by itself, so that it cannot differ between the items of a batch.
    ...(isUniform && { upscale_scale: first.scale }),
  });
  graph.connect(`${seedNode}.value`, "meta.seed");
  graph.connect("meta.metadata", `${outputNode}.metadata`);
  const values: BatchValues[] = [
    {
      node: outputNode,
      field: "image",
      values: pictures.map(({ imageName }) => ({ image_name: imageName })),
    },
    { node: outputNode, field: "scale", values: pictures.map(({ scale }) => scale) },
    { node: "meta", field: "positive_prompt", values: pictures.map(({ prompt }) => prompt) },
    { node: "meta", field: "width", values: pictures.map((picture) => sizeAfter(picture).width) },
    { node: "meta", field: "height", values: pictures.map((picture) => sizeAfter(picture).height) },
    { node: "meta", field: "init_image", values: pictures.map(({ imageName }) => imageName) },
  ];
  return { graph: graph.build(), values: pictures.length === 1 ? [] : values };
}

function sizeAfter({ width, height, scale }: EnlargedPicture): { width: number; height: number } {
  return { width: Math.floor(width * scale), height: Math.floor(height * scale) };
}
