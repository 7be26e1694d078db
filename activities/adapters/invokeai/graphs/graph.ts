import type { ModelIdentifier } from "../types";

/** The node whose image is the result. */
export const outputNode = "out";
/** Two integer nodes whose values differ per item; the second has no edges and only identifies the item. */
export const seedNode = "seed";
export const slotNode = "slot";
/** The sampler of a second, larger pass. */
export const secondPassNode = "hires";
/** The string nodes of the prompts; a graph without a negative prompt has only the first. */
export const promptNodes = ["pos", "neg"] as const;
/** The type of the node that describes the image; it does not affect the pixels. */
export const metadataType = "core_metadata";

export type Literal =
  | string
  | number
  | boolean
  | { image_name: string }
  | { board_id: string }
  | ModelIdentifier
  | LoraMetadata[];

type LoraMetadata = { model: ModelIdentifier; weight: number };

type GraphNode = {
  id: string;
  type: string;
  is_intermediate: boolean;
  [field: string]: Literal;
};

export type GraphEdge = {
  source: { node_id: string; field: string };
  destination: { node_id: string; field: string };
};

/** A graph under construction. */
export type GraphBuilder = ReturnType<typeof createGraph>;

/** InvokeAI's wire format of a graph. */
export type Graph = { id: string; nodes: Record<string, GraphNode>; edges: GraphEdge[] };

/**
 * Collects nodes and edges. Starts with the nodes for seed and slot, whose values a batch's data replace.
 * `connect("model.unet", "denoise.unet")` adds an edge. All nodes but the one of `output` are intermediate: otherwise their
 * images would appear in InvokeAI's gallery.
 */
export function createGraph(id: string) {
  const nodes: Graph["nodes"] = {};
  const edges: GraphEdge[] = [];
  const node = (name: string, type: string, literals: Record<string, Literal> = {}) => {
    nodes[name] = { id: name, type, is_intermediate: true, ...literals };
  };
  node(seedNode, "integer", { value: 0 });
  node(slotNode, "integer", { value: 0 });
  return {
    node,
    output(type: string, literals: Record<string, Literal> = {}) {
      // No node cache: for the same graph and seed it would return the name of the old file.
      const flags = { is_intermediate: false, use_cache: false };
      nodes[outputNode] = { id: outputNode, type, ...flags, ...literals };
    },
    connect(source: string, destination: string) {
      edges.push({ source: parseEnd(source), destination: parseEnd(destination) });
    },
    /** The inputs of a node that are connected, with their sources. */
    inputsOf: (name: string): [input: string, source: string][] =>
      edges
        .filter(({ destination }) => destination.node_id === name)
        .map(({ source, destination }) => [destination.field, `${source.node_id}.${source.field}`]),
    build: (): Graph => ({ id, nodes, edges }),
  };
}

/** Only the five fields of a model identifier, from a record that may have more. */
export function identify({ key, hash, name, base, type }: ModelIdentifier): ModelIdentifier {
  return { key, hash, name, base, type };
}

function parseEnd(end: string): GraphEdge["source"] {
  const [node_id = "", field = ""] = end.split(".");
  return { node_id, field };
}
