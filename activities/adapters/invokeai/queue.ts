import { AppError, ProviderError } from "#errors";
import type { BoundGraph } from "#recipes/bind";
import type { Http } from "../http";
import { type Graph, seedNode, slotNode } from "./graphs/graph";
import type { RecordedGraph } from "./graphs/recorded";
import { parseItem } from "./items";
import type {
  BatchItem,
  BatchItems,
  BatchSlot,
  BatchStatus,
  BatchValues,
  EnqueueAnswer,
  QueueStatus,
} from "./types";
import { countInProgress } from "./versions";
import {
  BatchCounters,
  Canceled,
  Enqueued,
  ItemIds,
  parseAnswer,
  Queue,
  unreadableItem,
} from "./wire";

const queuePath = "/api/v1/queue/default";
/** Each item holds two whole graphs. */
const itemsMaxBytes = 64 * 1024 * 1024;
const newestItems = 500;
const maxSeed = 2 ** 32 - 1;

type WireBatch = {
  batchId: string;
  graph: Graph | RecordedGraph["graph"] | BoundGraph;
  slots: readonly BatchSlot[];
  values?: readonly BatchValues[];
};

/** Calls about batches and their items. */
export function createQueueCalls(http: Http) {
  const getBatchStatus = async (batchId: string, signal?: AbortSignal): Promise<BatchStatus> => {
    const path = `${queuePath}/b/${encodeURIComponent(batchId)}/status`;
    const status = parseAnswer(BatchCounters, await http.readJson({ path }, signal));
    return {
      total: status.total,
      pending: status.pending,
      inProgress: countInProgress(status),
      completed: status.completed,
      failed: status.failed,
      cancelled: status.canceled,
    };
  };

  const getItem = async (itemId: number, signal?: AbortSignal): Promise<BatchItem> =>
    parseItem(await http.readJson({ path: `${queuePath}/i/${itemId}` }, signal));

  /** Reads the newest items one by one: the list fails as a whole if a single item cannot be loaded. */
  async function findItemsOneByOne(batchId: string, signal?: AbortSignal): Promise<BatchItems> {
    const { total } = await getBatchStatus(batchId, signal);
    const request = { path: `${queuePath}/item_ids`, query: { order_dir: "DESC" } };
    const { item_ids } = parseAnswer(ItemIds, await http.readJson(request, signal));
    const items: BatchItem[] = [];
    let unreadable = 0;
    for (const itemId of item_ids.slice(0, newestItems)) {
      if (items.length === total) break;
      try {
        const item = await getItem(itemId, signal);
        if (item.batchId === batchId) items.push(item);
      } catch (error) {
        const isGone = error instanceof ProviderError && error.fault === "missing";
        if (!isGone && !isUnreadable(error)) throw error;
        if (!isGone) unreadable += 1;
      }
    }
    // The server does not say which batch an unreadable item belongs to; at most the missing ones are ours.
    return { items: items.sort(byId), unreadable: Math.min(unreadable, total - items.length) };
  }

  return {
    getBatchStatus,

    /**
     * @throws ProviderError `missing` when the item was pruned or deleted
     */
    getItem,

    /**
     * Sends a batch with one item per slot, once: neither repeated nor delayed by a login here.
     * The server does not detect a duplicate batch id, so callers must ensure that it is sent once.
     * @throws ProviderError; `isOutcomeUnknown` says whether the batch may have been accepted anyway
     */
    async enqueueBatch(batch: WireBatch, signal?: AbortSignal): Promise<EnqueueAnswer> {
      const json = { prepend: false, batch: toWireBatch(batch) };
      const request = { path: `${queuePath}/enqueue_batch`, json, isSentOnce: true } as const;
      const answer = await http.readJson(
        { ...request, method: "POST", maxBytes: itemsMaxBytes },
        signal,
      );
      const { requested, enqueued } = parseAnswer(Enqueued, answer);
      return { requested, enqueued };
    },

    /** The items of a batch, oldest first. */
    async listBatchItems(batchId: string, signal?: AbortSignal): Promise<BatchItems> {
      // Our batches have their id as destination, the only filter that the server offers.
      const query = { destination: batchId };
      const request = { path: `${queuePath}/list_all`, query, maxBytes: itemsMaxBytes };
      let answer: unknown;
      try {
        answer = await http.readJson(request, signal);
      } catch (error) {
        if (!(error instanceof ProviderError && error.status === 500)) throw error;
        return findItemsOneByOne(batchId, signal);
      }
      const items = (Array.isArray(answer) ? answer : [answer]).map(parseItem);
      return { items: items.filter((item) => item.batchId === batchId), unreadable: 0 };
    },

    /**
     * Cancels pending and running items; a running item ends at its next step and may still save an image. Idempotent. The
     * number does not always include the running item.
     */
    async cancelBatch(batchId: string, signal?: AbortSignal): Promise<{ cancelled: number }> {
      const path = `${queuePath}/cancel_by_batch_ids`;
      const request = { method: "PUT", path, json: { batch_ids: [batchId] } } as const;
      const answer = await http.readJson(request, signal);
      return { cancelled: parseAnswer(Canceled, answer).canceled };
    },

    async getQueueStatus(signal?: AbortSignal): Promise<QueueStatus> {
      const answer = await http.readJson({ path: `${queuePath}/status` }, signal);
      const { queue, processor } = parseAnswer(Queue, answer);
      return {
        pending: queue.pending,
        inProgress: queue.in_progress,
        ended: queue.completed + queue.failed + queue.canceled,
        currentBatchId: queue.batch_id ?? null,
        isProcessorRunning: processor.is_started,
        isFinishingRemovedItem: processor.is_processing && queue.in_progress === 0,
      };
    },
  };
}

function byId(a: BatchItem, b: BatchItem): number {
  return a.itemId - b.itemId;
}

function isUnreadable(error: unknown): boolean {
  return (
    error instanceof ProviderError &&
    error.status === 500 &&
    error.cause instanceof Error &&
    error.cause.message === unreadableItem
  );
}

/**
 * Seed, slot and `values` are the only data that differ between items. They are checked to be of the kinds that they replace:
 * the server accepts values that it cannot load later, and such an item blocks its queue for all clients.
 */
function toWireBatch(batch: WireBatch) {
  const { batchId, graph, slots, values = [] } = batch;
  const isWhole = values.every(
    (list) =>
      list.values.length === slots.length &&
      list.values.every((value) => isLike(graph.nodes[list.node]?.[list.field], value)),
  );
  if (!isWhole) throw new Error("the values of a batch are not one for each slot");
  const numbers = slots.flatMap(({ index, seed }) => [index, seed]);
  if (slots.length === 0 || !numbers.every(isUint32)) {
    throw new AppError({
      kind: "invalid",
      code: "invokeai_graph_error",
      message: `Request at least one image, each with a seed from 0 to ${maxSeed}.`,
    });
  }
  const datum = (node: string, field: string, items: BatchValues["values"]) => ({
    node_path: node,
    field_name: field,
    items,
  });
  return {
    batch_id: batchId,
    origin: "photo-gallery",
    destination: batchId,
    runs: 1,
    // One group: the lists are zipped, not combined as a product.
    data: [
      [
        datum(
          seedNode,
          "value",
          slots.map(({ seed }) => seed),
        ),
        datum(
          slotNode,
          "value",
          slots.map(({ index }) => index),
        ),
        ...values.map((list) => datum(list.node, list.field, list.values)),
      ],
    ],
    graph,
  };
}

/** Whether a value can stand where the graph has `literal`: a text, a finite number, or the name of a picture. */
function isLike(literal: unknown, value: BatchValues["values"][number]): boolean {
  if (typeof value === "number") return typeof literal === "number" && Number.isFinite(value);
  if (typeof value === "string") return typeof literal === "string";
  return (
    typeof value.image_name === "string" &&
    typeof literal === "object" &&
    literal !== null &&
    "image_name" in literal
  );
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= maxSeed;
}
