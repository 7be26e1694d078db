import { saveProgress } from "#db/queries/progress";
import type { Step } from "#db/schema/steps";
import type { BatchItem } from "./adapters/invokeai/types";
import type { ItemProgress, ProgressPhase } from "./adapters/invokeai/progress";
import type { ActivityDeps } from "./deps";

const phaseWords: Record<ProgressPhase, string> = {
  preparing: "being prepared",
  loading_model: "the model is being loaded",
  denoising: "being drawn",
  decoding: "being decoded",
};

/** A change is written at once, the next one not sooner than this. */
const writeEveryMs = 200;

/**
 * Writes a step's progress over and over into one row. Progress is a comfort: that it cannot be
 * written never disturbs the work.
 */
export function createProgressWriter(deps: ActivityDeps, step: Step) {
  const startedAt = deps.now();
  let finished = 0;
  let current = 0;
  let phase: ProgressPhase | undefined;
  let preview: string | null = null;
  let dirty = false;
  let writing: Promise<void> | undefined;
  let lastWrite = 0;

  function touch(): void {
    dirty = true;
    writing ??= writeUntilClean();
  }

  async function writeUntilClean(): Promise<void> {
    while (dirty) {
      const pauseMs = lastWrite + writeEveryMs - Date.now();
      if (pauseMs > 0) await Bun.sleep(pauseMs);
      dirty = false;
      lastWrite = Date.now();
      await write().catch(() => {});
    }
    writing = undefined;
  }

  function write(): Promise<void> {
    const progress = Math.min((finished + current) / step.batchSize, 1);
    const elapsedMs = deps.now().getTime() - startedAt.getTime();
    // Too early, a guess would be of the model's loading rather than of the work.
    const estimatedCompletion =
      progress >= 0.1 ? new Date(startedAt.getTime() + elapsedMs / progress) : null;
    return saveProgress(deps.database.db, {
      stepId: step.id,
      progress,
      message: describe(),
      preview,
      estimatedCompletion,
      updatedAt: deps.now(),
    });
  }

  function describe(): string {
    const place = `Image ${Math.min(finished + 1, step.batchSize)} of ${step.batchSize}`;
    return phase === undefined ? `${place}.` : `${place}: ${phaseWords[phase]}.`;
  }

  return {
    /** From the socket: how far the image in the making is. */
    itemProgress(seen: ItemProgress): void {
      current = seen.fraction;
      phase = seen.phase;
      preview = seen.preview ?? preview;
      touch();
    },
    /** From a look at the batch: how many images are done. */
    itemsSeen(items: BatchItem[]): void {
      const done = items.filter((item) => item.status === "completed").length;
      if (done === finished) return;
      finished = done;
      current = 0;
      touch();
    },
    /** Waits for what is being written. */
    async close(): Promise<void> {
      await writing;
    },
  };
}
