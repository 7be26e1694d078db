import type { ImageStore } from "../images.ts";
import type { ModelCatalogue } from "../models.ts";
import type { Painting } from "../paint.ts";
import type { GraphNode } from "../graph.ts";
import type { Field, FieldType } from "./fields.ts";

/** A node's inputs after defaults, literals and edges. */
export type Inputs = GraphNode;

/** What a node can use while it runs. */
export type RunContext = {
  models: ModelCatalogue;
  images: ImageStore;
  /** Conditioning, noise and latents, by the name that is passed along edges. */
  tensors: Map<string, unknown>;
  /** Simulates one denoising step; throws `Stopped` when the item was canceled. */
  runStep: (step: number, steps: number, painting: Painting) => Promise<void>;
  /** Saves a picture with the node's metadata, board and flag; returns the node's output. */
  saveImage: (png: Buffer, inputs: Inputs) => Promise<Record<string, unknown>>;
};

export type NodeDefinition = {
  fields: Record<string, Field>;
  outputs: Record<string, FieldType>;
  outputType: string;
  /** A rule over several fields: what is wrong, in the real server's words. */
  rule?: (node: Inputs) => string | undefined;
  /** Keeps unknown fields (only `core_metadata`). */
  open?: boolean;
  /** The output without its `type`. */
  run: (
    inputs: Inputs,
    context: RunContext,
  ) => Promise<Record<string, unknown>> | Record<string, unknown>;
};

/** The output of every node that makes a picture. */
export const imageOutput: Record<string, FieldType> = {
  image: "image",
  width: "integer",
  height: "integer",
};
