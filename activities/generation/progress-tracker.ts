import type { BatchItem } from "../adapters/invokeai/types";
import type { ItemProgress, ProgressPhase } from "../adapters/invokeai/progress";

const phaseTexts: Record<ProgressPhase, string> = {
  preparing: "being prepared",
  loading_model: "the model is being loaded",
  denoising: "being drawn",
  decoding: "being decoded",
};

/** `images`: in this batch; `later`: in batches that follow it; `total`: in the whole step; `perItem`: of one item. */
export type BatchSize = { images: number; later?: number; total: number; perItem?: number };

/**
 * The progress of a batch from two sources: polls of the queue, which are exact but late, and socket events, which are
 * early but may be missing, duplicated, late, or about an image that has ended.
 */
export function createProgressTracker({ images, later = 0, total, perItem = 1 }: BatchSize) {
  /** Items that have ended in any state; socket events about them are ignored. */
  const over = new Set<number>();
  /** Ended items that are not requested again. Kept here even if InvokeAI prunes them. */
  const done = new Set<number>();
  const making = new Map<number, ItemProgress>();
  /** How many of the step's slots have their image. */
  let filled = 0;
  let current: ItemProgress | undefined;
  let hasPolled = false;

  /** The sum of the unfinished images' fractions. */
  function sumFractions(): number {
    let sum = 0;
    for (const item of making.values()) sum += item.fraction;
    return sum * perItem;
  }

  function describe(): string {
    const finished = Math.max(total - later - images + done.size * perItem, filled);
    const position = `Image ${Math.min(finished + 1, total)} of ${total}`;
    return current === undefined ? `${position}.` : `${position}: ${phaseTexts[current.phase]}.`;
  }

  return {
    /** A socket event; false when it changes nothing visible. */
    itemProgress(seen: ItemProgress): boolean {
      if (over.has(seen.itemId)) return false;
      making.set(seen.itemId, seen);
      current = seen;
      // Before the first poll, a late event would be shown as the whole progress.
      return hasPolled;
    },

    /** A poll of the queue, and the number of filled slots; false when it changes nothing visible. */
    itemsSeen(items: readonly BatchItem[], filledNow: number): boolean {
      const ended = items.filter(({ status }) => status !== "pending" && status !== "in_progress");
      const isChanged =
        !hasPolled || filled !== filledNow || ended.some(({ itemId }) => !over.has(itemId));
      hasPolled = true;
      filled = filledNow;
      for (const { itemId, status } of ended) {
        over.add(itemId);
        making.delete(itemId);
        // An interrupted image is requested again, in another batch.
        if (status !== "cancelled") done.add(itemId);
      }
      if (current && over.has(current.itemId)) current = undefined;
      return isChanged;
    },

    hasPolled: (): boolean => hasPolled,

    /**
     * `progress` counts existing images and the fractions of unfinished ones, but no failed ones.
     * `worked`: how much of this batch is done, failed images included.
     */
    show() {
      return {
        worked: Math.min(done.size * perItem + sumFractions(), images),
        progress: Math.min(filled + sumFractions(), total) / total,
        imageProgress: current?.fraction ?? null,
        message: describe(),
        preview: current?.preview ?? null,
      };
    },
  };
}

/** Below this share the elapsed time is mostly the loading of the model. */
const minShareForEstimate = 0.1;

/**
 * When the batch is done: its remaining images times the seconds that such an image took before or, if unknown, takes in
 * this batch. Null while neither is known.
 */
export function estimateCompletion(batch: {
  images: number;
  worked: number;
  secondsPerImage: number | null;
  since: Date;
  now: Date;
}): Date | null {
  const { images, worked, now } = batch;
  const passedMs = now.getTime() - batch.since.getTime();
  const own = worked >= images * minShareForEstimate ? passedMs / worked : null;
  const msPerImage = batch.secondsPerImage === null ? own : batch.secondsPerImage * 1_000;
  return msPerImage === null ? null : new Date(now.getTime() + (images - worked) * msPerImage);
}
