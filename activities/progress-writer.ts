import { findSecondsPerImage } from "#db/queries/pace";
import { saveProgress } from "#db/queries/progress";
import type { Attempt, Step } from "#db/schema/steps";
import type { BatchItem } from "./adapters/invokeai/types";
import type { ItemProgress } from "./adapters/invokeai/progress";
import type { ActivityDeps } from "./deps";
import { createProgressAccount, estimateCompletion } from "./progress-account";

/** A change is written at once, the next one not sooner than this. */
const writeEveryMs = 200;

export type ProgressWriter = ReturnType<typeof createProgressWriter>;

/**
 * Writes the progress of a batch over and over into its step's one row. Progress is a comfort: that it cannot be
 * written never disturbs the work.
 */
export function createProgressWriter(
  { database: { db }, now }: Pick<ActivityDeps, "database" | "now">,
  { step, attempt }: { step: Step; attempt: Attempt },
) {
  const images = attempt.slotIndexes.length;
  const account = createProgressAccount({ images, before: step.batchSize - images });
  const since = attempt.acceptedAt ?? now();
  let secondsPerImage: Promise<number | null> | undefined;
  let dirty = false;
  /** The last one could not be written; the next look brings it again. */
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
    secondsPerImage ??= findSecondsPerImage(db, step, attempt.backend).catch(() => null);
    const known = await secondsPerImage;
    dirty = false;
    // In this order the moments that are told are never nearer to each other than the writes.
    const at = now();
    lastWrite = performance.now();
    const { made, ...shown } = account.show();
    await saveProgress(db, {
      stepId: step.id,
      ...shown,
      estimatedCompletion: estimateCompletion({
        images,
        made,
        secondsPerImage: known,
        since,
        now: at,
      }),
      updatedAt: at,
    });
  }

  return {
    /** From the socket: how far an image in the making is. */
    itemProgress(seen: ItemProgress): void {
      if (account.itemProgress(seen)) touch();
    },
    /** From a look at the batch: how its images stand. */
    itemsSeen(items: readonly BatchItem[]): void {
      if (account.itemsSeen(items) || isLost) touch();
    },
    /** Waits for what is being written. */
    async settled(): Promise<void> {
      await writing;
    },
  };
}
