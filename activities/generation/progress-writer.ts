import { findSecondsPerImage } from "#db/queries/generation/pace";
import { saveProgress } from "#db/queries/steps/progress";
import type { Attempt, Step } from "#db/schema/steps";
import type { BatchItem } from "../adapters/invokeai/types";
import type { ItemProgress } from "../adapters/invokeai/progress";
import type { ActivityDeps } from "../deps";
import { itemOf, combinationOf, combinationsIn } from "./item-slots";
import { createProgressTracker, estimateCompletion } from "./progress-tracker";

/** Minimum time between two writes; a change after a longer pause is written at once. */
const writeEveryMs = 200;

export type ProgressWriter = ReturnType<typeof createProgressWriter>;

/**
 * Overwrites the progress row of a batch's step. Best effort: a failed write never fails the batch.
 */
export function createProgressWriter(
  { database: { db }, now }: Pick<ActivityDeps, "database" | "now">,
  { step, attempt }: { step: Step; attempt: Attempt },
) {
  const images = attempt.slotIndexes.length;
  const total = step.batchSize;
  const items = new Set(attempt.slotIndexes.map((index) => itemOf(step, index).item)).size;
  const later =
    total * (1 - (combinationOf(step, attempt.slotIndexes[0] ?? 0) + 1) / combinationsIn(step));
  const tracker = createProgressTracker({ images, later, total, perItem: images / items });
  /** When InvokeAI started, moved forward by the time it was held up. */
  let since = (attempt.acceptedAt ?? now()).getTime();
  let heldSince: number | undefined;
  let secondsPerImage: Promise<number | null> | undefined;
  let dirty = false;
  /** The last write failed; the next poll retries it. */
  let isLost = false;
  let writing: Promise<void> | undefined;
  let lastWrite = 0;

  function touch(): void {
    dirty = true;
    writing ??= writeUntilClean();
  }

  async function writeUntilClean(): Promise<void> {
    while (dirty) {
      const pauseMs = lastWrite + writeEveryMs - performance.now();
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      isLost = !(await write().then(
        () => true,
        () => false,
      ));
    }
    writing = undefined;
  }

  async function write(): Promise<void> {
    secondsPerImage ??=
      step.recipeId === null
        ? findSecondsPerImage(db, step, attempt.backend).catch(() => null)
        : Promise.resolve(null);
    const known = await secondsPerImage;
    dirty = false;
    // In this order the stored times are never closer together than the writes.
    const at = now();
    lastWrite = performance.now();
    const { worked, ...shown } = tracker.show();
    // While held up there is no estimate: the duration is unknown.
    const estimatedCompletion =
      heldSince === undefined
        ? estimateCompletion({
            images: images + later,
            worked,
            secondsPerImage: known,
            since: new Date(since),
            now: at,
          })
        : null;
    await saveProgress(db, { stepId: step.id, ...shown, estimatedCompletion, updatedAt: at });
  }

  return {
    /** From the socket: the progress of an unfinished image. */
    itemProgress(seen: ItemProgress): void {
      if (tracker.itemProgress(seen)) touch();
    },
    /** From a poll of the batch: the states of its items. */
    itemsSeen(items: readonly BatchItem[], filled: number): void {
      if (tracker.itemsSeen(items, filled) || isLost) touch();
    },
    /**
     * While InvokeAI is unreachable, paused, or busy with other clients' items: there is no estimate, and the time does
     * not count.
     */
    hold(isHeld: boolean): void {
      if (isHeld === (heldSince !== undefined)) return;
      const at = now().getTime();
      if (heldSince !== undefined) since += at - heldSince;
      heldSince = isHeld ? at : undefined;
      if (tracker.hasPolled()) touch();
    },
    /** Waits for the current write. */
    async settled(): Promise<void> {
      await writing;
    },
  };
}
