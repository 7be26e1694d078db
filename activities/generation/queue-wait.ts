import type { BatchItem, QueueStatus } from "../adapters/invokeai/types";
import { isOver } from "./record-images";
import { itemsAheadReason, pausedReason } from "./wait-reasons";

/** Whether a batch has unfinished items in InvokeAI's queue but none that runs. */
export function isWaiting(items: readonly BatchItem[]): boolean {
  return items.some((item) => !isOver(item)) && !items.some(isRunning);
}

/** Tracks why a batch waits in InvokeAI's queue. */
export function createQueueWait(batchId: string) {
  let ahead = Number.POSITIVE_INFINITY;
  let endedThen = Number.POSITIVE_INFINITY;

  /**
   * InvokeAI reports no positions. Our batch has not started, so an item that ends was ahead of it. New items queue
   * behind it, so the number never grows.
   */
  function countAhead(items: readonly BatchItem[], queue: QueueStatus): number {
    const foreignRunning = Number(queue.inProgress > 0 && queue.currentBatchId !== batchId);
    const hasBegun = items.some((item) => item.startedAt !== null || isOver(item));
    const own = items.filter((item) => !isOver(item)).length;
    const others = hasBegun ? foreignRunning : queue.pending + queue.inProgress - own;
    const endedSince = Math.max(queue.ended - endedThen, 0);
    endedThen = queue.ended;
    // Items behind ours may end too, when cancelled. An item that still runs is ahead of it.
    const left = Math.max(ahead - endedSince, Math.min(ahead, foreignRunning));
    ahead = Math.min(Math.max(others, 0), left);
    return ahead;
  }

  return {
    /** The reason as shown to the user; null when the batch is next. */
    describe(items: readonly BatchItem[], queue: QueueStatus): string | null {
      const others = countAhead(items, queue);
      const reasons = [
        queue.isProcessorRunning ? "" : pausedReason,
        others > 0 ? itemsAheadReason(others) : "",
      ];
      return reasons.filter((reason) => reason !== "").join(" ") || null;
    },
  };
}

function isRunning(item: BatchItem): boolean {
  return item.status === "in_progress";
}
