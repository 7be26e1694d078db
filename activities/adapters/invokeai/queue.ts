import { AppError, ProviderError } from "#errors";
import type { Http } from "../http";
import { type Graph, seedNode, slotNode } from "./graphs/graph";
import type { RecordedGraph } from "./graphs/recorded";
import { parseItem } from "./items";
import type {
  BatchItem,
  BatchItems,
  BatchSlot,
  BatchStatus,
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
  graph: Graph | RecordedGraph["graph"];
  slots: readonly BatchSlot[];
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

  /** One by one among the newest: the list as a whole fails on a single item that cannot be loaded. */
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
    // Whose an item is that cannot be loaded is not told: no more of them are ours than are missing.
    return { items: items.sort(byId), unreadable: Math.min(unreadable, total - items.length) };
  }

  return {
    getBatchStatus,

    /**
     * @throws ProviderError `missing` when it was pruned or deleted
     */
    getItem,

    /**
     * Sends a batch of one item per slot, once: never repeated here, nor held up by a login.
     * The server does not know a batch id twice sent, so a caller makes sure of once.
     * @throws ProviderError; `isOutcomeUnknown` says whether the batch may be there all the same
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
      // Our batches carry their id as destination, which is the only filter that the server has.
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
     * Cancels what is pending and what runs; a running item ends at its next step and may still
     * save an image. Repeating it does no harm. The number does not always count the running item.
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
        isProcessorRunning: processor.is_started,
        isFinishingStray: processor.is_processing && queue.in_progress === 0,
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
 * Seed and slot are the only data that differ between items. Both are checked whole numbers: a
 * value that the server cannot load later is accepted, and then blocks its queue for everybody.
 */
function toWireBatch(batch: WireBatch) {
  const { batchId, graph, slots } = batch;
  const numbers = slots.flatMap(({ index, seed }) => [index, seed]);
  if (slots.length === 0 || !numbers.every(isUint32)) {
    throw new AppError({
      kind: "invalid",
      code: "invokeai_graph_error",
      message: `Ask for at least one image, each with a seed from 0 to ${maxSeed}.`,
    });
  }
  const datum = (node: string, items: number[]) => ({
    node_path: node,
    field_name: "value",
    items,
  });
  return {
    batch_id: batchId,
    origin: "photo-gallery",
    destination: batchId,
    runs: 1,
    // One group: the two lists run side by side, not as a product.
    data: [
      [
        datum(
          seedNode,
          slots.map(({ seed }) => seed),
        ),
        datum(
          slotNode,
          slots.map(({ index }) => index),
        ),
      ],
    ],
    graph,
  };
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= maxSeed;
}
