import type { Attempt, Step } from "#db/schema/steps";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import { hiresSpans, type ProgressSpans } from "../adapters/invokeai/progress";
import type { BatchItem } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { recipeOf } from "./recipe-graph";
import { recipeSpans } from "./recipe-spans";
import { createProgressWriter, type ProgressWriter } from "./progress-writer";

/** A watch ends with each new image and starts again at once; the socket stays open for this long in between. */
const lingerMs = 2_000;

type Followed = {
  progress: ProgressWriter;
  /** Wakes the current watch. */
  onChange: () => void;
  watchers: number;
  stop: AbortController;
  end?: ReturnType<typeof setTimeout>;
};

/**
 * Listens to the watched batches, each on its own socket. A socket stays open between two watches, because InvokeAI does
 * not repeat events.
 */
export function createBatchFollower(deps: Pick<ActivityDeps, "database" | "now" | "invokeai">) {
  const followed = new Map<string, Followed>();

  function open(
    batch: { step: Step; attempt: Attempt },
    invokeai: InvokeAiClient,
    spans: ProgressSpans | undefined,
  ): Followed {
    const { batchId } = batch.attempt;
    const entry: Followed = {
      progress: createProgressWriter(deps, batch),
      onChange: () => {},
      watchers: 0,
      stop: new AbortController(),
    };
    invokeai.subscribeProgress({
      batchId,
      spans,
      onProgress: (seen) => entry.progress.itemProgress(seen),
      onChange: () => entry.onChange(),
      signal: entry.stop.signal,
    });
    followed.set(batchId, entry);
    return entry;
  }

  /** Follows a batch, on its open socket if there is one; `onChange` is called when it should be polled at once. */
  return async (batch: { step: Step; attempt: Attempt }, onChange: () => void) => {
    const { batchId, backend } = batch.attempt;
    const invokeai = await deps.invokeai(backend);
    const spans = await spansOf(deps, batch.step);
    const entry = followed.get(batchId) ?? open(batch, invokeai, spans);
    clearTimeout(entry.end);
    entry.watchers += 1;
    entry.onChange = onChange;
    return {
      itemsSeen: (items: readonly BatchItem[], filled: number) =>
        entry.progress.itemsSeen(items, filled),
      hold: (isHeld: boolean) => entry.progress.hold(isHeld),
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

/** Which part of an image's progress each node is; undefined: that of a plain graph. */
async function spansOf(
  deps: Pick<ActivityDeps, "database">,
  step: Step,
): Promise<ProgressSpans | undefined> {
  if (step.recipeId !== null) return recipeSpans((await recipeOf(deps, step)).template);
  return step.parameters.hires && hiresSpans;
}
