import { type Graph, metadataType, outputNode } from "./graph";

/** The key in a picture's metadata under which it tells of which batch it is. */
export const markKey = "gallery_batch";

/** What a batch's pictures carry: nothing of the batch's id can be read from it. */
export function markOf(batchId: string): string {
  return new Bun.CryptoHasher("sha256").update(batchId).digest("hex").slice(0, 32);
}

/**
 * The graph with what makes its pictures known again when the queue has forgotten their batch, and
 * with the board they go to; null: none.
 */
export function placePictures(
  graph: Graph,
  place: { batchId: string; boardId: string | null },
): Graph {
  const { batchId, boardId } = place;
  const nodes = Object.entries(graph.nodes).map(([id, node]) => {
    if (node.type === metadataType) return [id, { ...node, [markKey]: markOf(batchId) }];
    if (id === outputNode && boardId) return [id, { ...node, board: { board_id: boardId } }];
    return [id, node];
  });
  return { ...graph, nodes: Object.fromEntries(nodes) as Graph["nodes"] };
}
