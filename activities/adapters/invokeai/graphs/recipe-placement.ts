import type { BoundGraph } from "#recipes/bind";
import { findNodeType, type NodeCatalogue } from "#recipes/catalogue";
import type { RecipeTemplate } from "#recipes/recipe";
import { metadataType, outputNode, seedNode, slotNode } from "./graph";
import { markKey, markOf } from "./placement";

/** The nodes of a recipe's graph whose values differ from item to item. */
export const recipeNames = { seed: seedNode, slot: slotNode };

/** The metadata key that tells the pictures of one item apart: the number of the output. */
export const outputKey = "gallery_output";

/** The number of the output that a node of a recipe's graph is; undefined: it is none. */
export function outputNumber(node: string): number | undefined {
  if (node === outputNode) return 0;
  const number = /^out_([1-9]\d{0,3})$/.exec(node)?.[1];
  return number === undefined ? undefined : Number(number);
}

/**
 * Adds to each output the metadata that identifies its pictures even after the queue has forgotten the batch, and the
 * board. A workflow's own metadata is replaced: it may hold anything.
 */
export function placeRecipe(
  graph: BoundGraph,
  target: {
    batchId: string;
    boardId: string | null;
    template: RecipeTemplate;
    catalogue: NodeCatalogue | undefined;
    prompt: string;
    negativePrompt: string | null;
  },
): BoundGraph {
  const { batchId, boardId, catalogue, prompt, negativePrompt } = target;
  const nodes = { ...graph.nodes };
  const edges = [...graph.edges];
  for (const id of target.template.outputs) {
    const node = nodes[id];
    const about = node && catalogue && findNodeType(catalogue, node.type);
    if (!node || !about) continue;
    if (about.takesBoard && boardId !== null) nodes[id] = { ...node, board: { board_id: boardId } };
    if (!about.takesMetadata) continue;
    const meta = `meta_${outputNumber(id)}`;
    nodes[meta] = {
      id: meta,
      type: metadataType,
      is_intermediate: true,
      ...(prompt !== "" && { positive_prompt: prompt }),
      ...(negativePrompt !== null && { negative_prompt: negativePrompt }),
      [markKey]: markOf(batchId),
      [outputKey]: outputNumber(id) ?? 0,
    };
    edges.push(
      edge([seedNode, "value"], [meta, "seed"]),
      edge([meta, "metadata"], [id, "metadata"]),
    );
  }
  return { ...graph, nodes, edges };
}

function edge(from: [string, string], to: [string, string]) {
  return {
    source: { node_id: from[0], field: from[1] },
    destination: { node_id: to[0], field: to[1] },
  };
}
