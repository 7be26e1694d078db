import { ProviderError } from "#errors";
import { findAttempt } from "#db/queries/steps/attempts";
import { findBackend } from "#db/queries/backends/backends";
import { countSlots } from "#db/queries/steps/slots";
import { findStep } from "#db/queries/steps/steps";
import type { Backend } from "#db/schema/backends";
import { refreshBackend } from "../backend/backend-probe";
import { createBatchFollower } from "./batch-follower";
import type { ActivityDeps } from "../deps";
import { pause, withHeartbeat } from "../heartbeat";
import { createQueueWait, isWaiting } from "./queue-wait";
import { isOver, recordImages } from "./record-images";
import { diagnoseFailure, retryMessage, withWaitMessage } from "./wait-message";
import { createWaitNotifier } from "./wait-notifier";

/** `isWhole`: all images of the step exist, and all items of the batch have ended. */
type Watched = { photoIds: string[]; ended: boolean; isWhole: boolean };

/** The polling interval when the socket reports nothing. */
const pollEveryMs = 1_000;
/** This many polls in a row must find nothing before the batch counts as gone. */
const missesUntilGone = 3;

/** Watches a batch on the server and records its images. */
export function createWatchActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  const follow = createBatchFollower(deps);

  async function watchBatch(
    { batchId }: { batchId: string },
    signal: AbortSignal,
  ): Promise<Watched> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step || attempt.settledAt)
      return { photoIds: [], ended: true, isWhole: false };
    const { backend } = attempt;
    let wake = () => {};
    const waiting = createWaitNotifier(deps, step);
    const queueWait = createQueueWait(batchId);
    let known = stateOf(await findBackend(db, backend));
    const progress = await withWaitMessage(deps, batchId, () =>
      follow({ step, attempt }, () => wake()),
    );
    try {
      for (let misses = 0; ;) {
        const moved = new Promise<void>((resolve) => (wake = resolve));
        const polled = await poll(batchId, backend, signal);
        if (polled instanceof ProviderError) {
          known = "away";
          progress.hold(true);
          await waiting.show(retryMessage(polled));
        } else {
          const { items, unreadable, queue } = polled;
          const reason = queue ? queueWait.describe(items, queue) : null;
          progress.hold(reason !== null);
          const state = queue?.isProcessorRunning === false ? "paused" : "answers";
          // `GET /backend/status` still shows the previous state.
          if (state !== known) await refreshBackend(deps, backend);
          known = state;
          await waiting.show(reason);
          misses = items.length === 0 ? misses + 1 : 0;
          const photoIds = await recordImages(deps, { step, attempt, items });
          const { filled, open } = await countSlots(db, step.id);
          progress.itemsSeen(items, filled);
          // An item that InvokeAI cannot load never ends and blocks all items behind it.
          const isStuck = unreadable > 0;
          const ended =
            isStuck || (items.length === 0 ? misses >= missesUntilGone : items.every(isOver));
          const areOver = unreadable === 0 && items.every(isOver);
          const isWhole = areOver && open === 0;
          if (photoIds.length > 0 || ended) return { photoIds, ended, isWhole };
        }
        await Promise.race([moved, pause(pollEveryMs, signal)]);
      }
    } finally {
      await progress.leave();
    }
  }

  /** `queue`: only when none of the batch's items runs. */
  async function poll(batchId: string, backend: string, signal: AbortSignal) {
    try {
      const invokeai = await deps.invokeai(backend);
      const batch = await invokeai.listBatchItems(batchId, signal);
      const queue = isWaiting(batch.items) ? await invokeai.getQueueStatus(signal) : undefined;
      return { ...batch, queue };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      // InvokeAI may be restarting; polling goes on until it answers.
      const diagnosed = await diagnoseFailure(deps, backend, error);
      if (diagnosed.retryable) return diagnosed;
      throw diagnosed;
    }
  }

  return {
    /** Returns as soon as there are new images, or when the batch has ended. */
    watchBatch: (input: { batchId: string }): Promise<Watched> =>
      withHeartbeat((signal) => watchBatch(input, signal)),
  };
}

/** The state that `GET /backend/status` shows. */
function stateOf(backend: Backend | undefined): "answers" | "paused" | "away" {
  if (!backend?.connected) return "away";
  return backend.queuePaused ? "paused" : "answers";
}
