import type { ImageStore } from "../images.ts";
import type { ModelCatalogue } from "../models.ts";
import type { Painting } from "../paint.ts";
import type { GraphNode } from "../graph.ts";
import type { Field, FieldType } from "./fields.ts";

/** A node's inputs after defaults, literals and edges. */
export type Inputs = GraphNode;

/** What a node has at hand while it runs. */
export type RunContext = {
  models: ModelCatalogue;
  images: ImageStore;
  /** Conditioning, noise and latents by the name that travels along the edges. */
  tensors: Map<string, unknown>;
  /** Takes the time of one step of denoising; throws `Stopped` when the item was canceled. */
  runStep: (step: number, steps: number, painting: Painting) => Promise<void>;
  /** Saves a picture with the node's metadata, board and flag, and answers the node's output. */
  saveImage: (png: Buffer, inputs: Inputs) => Promise<Record<string, unknown>>;
};

export type NodeDefinition = {
  fields: Record<string, Field>;
  outputs: Record<string, FieldType>;
  outputType: string;
  /** Keeps fields it does not know (only `core_metadata`). */
  open?: boolean;
  /** The output without its `type`. */
  run: (
    inputs: Inputs,
    context: RunContext,
  ) => Promise<Record<string, unknown>> | Record<string, unknown>;
};

/** Output of every node that makes a picture. */
export const imageOutput: Record<string, FieldType> = {
  image: "image",
  width: "integer",
  height: "integer",
};
