import type { Attempt, Step } from "#db/schema/steps";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import type { BatchItem } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { createProgressWriter, type ProgressWriter } from "./progress-writer";

/** The watch of a batch ends with each image that is new, and begins again in a moment: so long its socket stays open. */
const lingerMs = 2_000;

type Followed = {
  progress: ProgressWriter;
  /** Whoever watches the batch now. */
  onChange: () => void;
  watchers: number;
  stop: AbortController;
  end?: ReturnType<typeof setTimeout>;
};

/**
 * Listens to the batches that are watched, each on a socket of its own that outlives the pauses between two watches: what
 * InvokeAI says meanwhile is not said again.
 */
export function createBatchFollower(deps: Pick<ActivityDeps, "database" | "now" | "invokeai">) {
  const followed = new Map<string, Followed>();

  function open(batch: { step: Step; attempt: Attempt }, invokeai: InvokeAiClient): Followed {
    const { batchId } = batch.attempt;
    const entry: Followed = {
      progress: createProgressWriter(deps, batch),
      onChange: () => {},
      watchers: 0,
      stop: new AbortController(),
    };
    invokeai.subscribeProgress({
      batchId,
      onProgress: (seen) => entry.progress.itemProgress(seen),
      onChange: () => entry.onChange(),
      signal: entry.stop.signal,
    });
    followed.set(batchId, entry);
    return entry;
  }

  /** Joins whoever follows the batch; `onChange` is called when it should be looked at. */
  return async (batch: { step: Step; attempt: Attempt }, onChange: () => void) => {
    const { batchId, backend } = batch.attempt;
    const invokeai = await deps.invokeai(backend);
    const entry = followed.get(batchId) ?? open(batch, invokeai);
    clearTimeout(entry.end);
    entry.watchers += 1;
    entry.onChange = onChange;
    return {
      itemsSeen: (items: readonly BatchItem[]) => entry.progress.itemsSeen(items),
      async leave(): Promise<void> {
        entry.watchers -= 1;
        if (entry.watchers === 0) {
          entry.end = setTimeout(() => {
            followed.delete(batchId);
            entry.stop.abort();
          }, lingerMs);
        }
        await entry.progress.settled();
      },
    };
  };
}
