import type { GraphNode } from "./graph.ts";
import type { ItemJson } from "./item-json.ts";
import type { ItemRow } from "./queue.ts";

type Payload = Record<string, unknown>;

export type Broadcast = (name: string, payload: Payload) => void;

/** Where events go; `clientCount`: how many receive them. */
type Sink = { broadcast: Broadcast; clientCount: () => number };

export type QueueEvents = ReturnType<typeof createQueueEvents>;

/** The events of the queue and of running nodes, in the real server's format. */
export function createQueueEvents(itemJson: ItemJson, { broadcast, clientCount }: Sink) {
  const itemBase = (row: ItemRow): Payload => ({
    queue_id: "default",
    item_id: row.item_id,
    batch_id: row.batch_id,
    origin: row.origin,
    destination: row.destination,
    user_id: "system",
    session_id: row.session_id,
  });
  const nodeBase = (row: ItemRow, node: GraphNode, sourceId: string): Payload => ({
    ...itemBase(row),
    invocation: node,
    invocation_source_id: sourceId,
  });

  return {
    hasListeners: (): boolean => clientCount() > 0,

    batchEnqueued: (
      batch: { batch_id: string; origin: string | null },
      counts: { enqueued: number; requested: number; priority: number },
    ) =>
      broadcast("batch_enqueued", {
        queue_id: "default",
        batch_id: batch.batch_id,
        origin: batch.origin,
        user_id: "system",
        ...counts,
      }),

    statusChanged: (row: ItemRow) =>
      broadcast("queue_item_status_changed", {
        ...itemBase(row),
        status: row.status,
        status_sequence: row.status_sequence,
        error_type: row.error_type,
        error_message: row.error_message,
        error_traceback: row.error_traceback,
        created_at: row.created_at,
        updated_at: row.updated_at,
        started_at: row.started_at,
        completed_at: row.completed_at,
        batch_status: itemJson.batchStatus(row.batch_id),
        queue_status: itemJson.queueStatus(),
      }),

    nodeStarted: (row: ItemRow, node: GraphNode, sourceId: string) =>
      broadcast("invocation_started", nodeBase(row, node, sourceId)),

    /** `percentage` is the node's own, from 0 to 1. */
    nodeProgress: (
      row: ItemRow,
      node: GraphNode,
      sourceId: string,
      progress: { message: string; percentage: number | null; image: unknown },
    ) =>
      broadcast("invocation_progress", {
        ...nodeBase(row, node, sourceId),
        ...progress,
        device: null,
      }),

    nodeCompleted: (row: ItemRow, node: GraphNode, sourceId: string, result: Payload) =>
      broadcast("invocation_complete", { ...nodeBase(row, node, sourceId), result }),

    nodeFailed: (row: ItemRow, node: GraphNode, sourceId: string) =>
      broadcast("invocation_error", {
        ...nodeBase(row, node, sourceId),
        error_type: row.error_type,
        error_message: row.error_message,
        error_traceback: row.error_traceback,
      }),
  };
}
