import type { BatchItem } from "./adapters/invokeai/types";
import type { ItemProgress, ProgressPhase } from "./adapters/invokeai/progress";

const phaseWords: Record<ProgressPhase, string> = {
  preparing: "being prepared",
  loading_model: "the model is being loaded",
  denoising: "being drawn",
  decoding: "being decoded",
};

/** Of a step's images: those that are asked for in this batch, and those that were settled before it. */
export type BatchSize = { images: number; before: number };

/**
 * How far a batch is, from two sources: looks at the queue, which are right and late, and words from the socket, which
 * are soon and may be missing, doubled, late, or of an image that is long done.
 */
export function createProgressAccount({ images, before }: BatchSize) {
  /** Items that have ended, whatever their end; no word from the socket counts for them any more. */
  const over = new Set<number>();
  const making = new Map<number, ItemProgress>();
  let done = 0;
  let current: ItemProgress | undefined;
  let isLookedAt = false;

  /** Images made, with the parts of those in the making. */
  function made(): number {
    let sum = done;
    for (const item of making.values()) sum += item.fraction;
    return Math.min(sum, images);
  }

  function describe(): string {
    const total = before + images;
    const place = `Image ${Math.min(before + done + 1, total)} of ${total}`;
    return current === undefined ? `${place}.` : `${place}: ${phaseWords[current.phase]}.`;
  }

  return {
    /** From the socket; false when it changes nothing that is shown. */
    itemProgress(seen: ItemProgress): boolean {
      if (over.has(seen.itemId)) return false;
      making.set(seen.itemId, seen);
      current = seen;
      // Before the first look a late word would be taken for the whole account.
      return isLookedAt;
    },

    /** From a look at the queue; false when it changes nothing that is shown. */
    itemsSeen(items: readonly BatchItem[]): boolean {
      const ended = items.filter(({ status }) => status !== "pending" && status !== "in_progress");
      const isNews = !isLookedAt || ended.some(({ itemId }) => !over.has(itemId));
      isLookedAt = true;
      for (const { itemId } of ended) {
        over.add(itemId);
        making.delete(itemId);
      }
      // What InvokeAI cut short is made again, in another batch.
      done = ended.filter(({ status }) => status !== "cancelled").length;
      if (current && over.has(current.itemId)) current = undefined;
      return isNews;
    },

    /** What is shown of it, and `made`: how many of the batch's images exist, with the parts of unfinished ones. */
    show() {
      return {
        made: made(),
        progress: (before + made()) / (before + images),
        imageProgress: current?.fraction ?? null,
        message: describe(),
        preview: current?.preview ?? null,
      };
    },
  };
}

/** Too early, a guess would be of the model's loading rather than of the work. */
const enoughToGuess = 0.1;

/**
 * When the batch is done: what is left of its images, times the seconds that such an image took before; where that is not
 * known, times what one took so far in this batch. Null while neither tells.
 */
export function estimateCompletion(batch: {
  images: number;
  made: number;
  secondsPerImage: number | null;
  since: Date;
  now: Date;
}): Date | null {
  const { images, made, now } = batch;
  const passedMs = now.getTime() - batch.since.getTime();
  const own = made >= images * enoughToGuess ? passedMs / made : null;
  const msPerImage = batch.secondsPerImage === null ? own : batch.secondsPerImage * 1_000;
  return msPerImage === null ? null : new Date(now.getTime() + (images - made) * msPerImage);
}
