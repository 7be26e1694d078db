import { sha256Of } from "#sha256";
import { type Graph, metadataType, outputNode } from "./graph";

/** The metadata key that identifies an image's batch. */
export const markKey = "gallery_batch";

/** The value under `markKey`: a hash, so that it does not reveal the batch's id. */
export function markOf(batchId: string): string {
  return sha256Of(batchId).slice(0, 32);
}

/**
 * Adds the mark that identifies the batch's images even after the queue has forgotten the batch, and the board they go to
 * (null: none).
 */
export function placePictures(
  graph: Graph,
  target: { batchId: string; boardId: string | null },
): Graph {
  const { batchId, boardId } = target;
  const nodes = Object.entries(graph.nodes).map(([id, node]) => {
    if (node.type === metadataType) return [id, { ...node, [markKey]: markOf(batchId) }];
    if (id === outputNode && boardId) return [id, { ...node, board: { board_id: boardId } }];
    return [id, node];
  });
  return { ...graph, nodes: Object.fromEntries(nodes) as Graph["nodes"] };
}
