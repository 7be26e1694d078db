import { AppError, ProviderError } from "#errors";
import {
  claimPost,
  findAttempt,
  listSlots,
  markAccepted,
  releasePost,
  settleAttempt,
  settleUnsent,
} from "#db/queries/attempts";
import { findStep } from "#db/queries/steps";
import type { Attempt } from "#db/schema/steps";
import { isOutcomeUnknown, readCallFailure } from "./adapters/invokeai/errors";
import type { BatchItem } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { giveUp } from "./failures";
import { pause, withHeartbeat } from "./heartbeat";
import { stepGraph } from "./step-graph";
import { sayingWhyItWaits } from "./waiting";

type EnqueueInput = { batchId: string; graceMs: number };
type CancelInput = EnqueueInput & { drainMs: number };

const lookEveryMs = 500;

/** Sends a step's batch, once. The protocol is described in docs/workflows/generation-step.md. */
export function createEnqueueActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  const { connectionTimeoutMs, readTimeoutMs } = deps.config.invokeai;

  /**
   * Until when a batch sent at `posted` may still arrive: the sender gives up after its time-outs, and
   * what it had sent by then needs a moment to be taken in.
   */
  const doubtEnds = (posted: Date, graceMs: number): Date =>
    new Date(posted.getTime() + connectionTimeoutMs + readTimeoutMs + graceMs);

  async function enqueueBatch(
    { batchId, graceMs }: EnqueueInput,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const attempt = await findAttempt(db, batchId);
      if (!attempt || attempt.settledAt || attempt.acceptedAt) return;
      const invokeai = await deps.invokeai(attempt.backend);
      const { total } = await invokeai.getBatchStatus(batchId, signal);
      if (total > 0) return markAccepted(db, { batchId, now: deps.now() });
      const found = attempt.postedAt;
      if (found !== null && deps.now() < doubtEnds(found, graceMs)) {
        await pause(lookEveryMs, signal);
        continue;
      }
      const posted = deps.now();
      if (!(await claimPost(db, { batchId, found, now: posted }))) continue;
      if (await post(batchId, posted, signal)) return;
    }
  }

  /** Sends what this process alone may send; false when the outcome is unknown. */
  async function post(batchId: string, posted: Date, signal: AbortSignal): Promise<boolean> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step) return true;
    const slots = (await listSlots(db, step.id)).filter((slot) =>
      attempt.slotIndexes.includes(slot.index),
    );
    try {
      const graph = await stepGraph(db, { step, sourceImageName: attempt.sourceImageName });
      const invokeai = await deps.invokeai(attempt.backend);
      const answer = await invokeai.enqueueBatch({ batchId, graph, slots }, signal);
      if (answer.enqueued > 0) {
        await markAccepted(db, { batchId, now: deps.now() });
        return true;
      }
      // Nothing was taken, so that the same batch may be sent again when there is room.
      await releasePost(db, { batchId, posted });
    } catch (error) {
      if (error instanceof ProviderError && isOutcomeUnknown(error)) return false;
      if (signal.aborted) throw error;
      await settleAttempt(db, { batchId, outcome: "refused", now: deps.now() });
      throw refusalOf(error);
    }
    throw new ProviderError({
      provider: "invokeai",
      fault: "busy",
      message: "InvokeAI's queue is full.",
      retryable: true,
    });
  }

  /**
   * Cancels a batch by its id, also one whose sending ended in doubt: that one is looked for until it
   * can no longer arrive. `wasSent` is false when there is nothing on the server to wait for.
   */
  async function cancelBatch(
    input: CancelInput,
    signal: AbortSignal,
  ): Promise<{ wasSent: boolean }> {
    const { batchId } = input;
    for (;;) {
      const attempt = await findAttempt(db, batchId);
      if (!attempt || attempt.settledAt) return { wasSent: false };
      if (!attempt.postedAt) {
        // From here on nobody may send it; who was faster has set `postedAt`.
        const now = deps.now();
        if (await settleUnsent(db, { batchId, now })) return { wasSent: false };
        continue;
      }
      const invokeai = await deps.invokeai(attempt.backend);
      await invokeai.cancelBatch(batchId, signal);
      const { total } = await invokeai.getBatchStatus(batchId, signal);
      if (total > 0) {
        await markAccepted(db, { batchId, now: deps.now() });
        await drain(attempt, input.drainMs, signal);
        return { wasSent: true };
      }
      if (attempt.acceptedAt || deps.now() >= doubtEnds(attempt.postedAt, input.graceMs)) {
        return { wasSent: false };
      }
      await pause(lookEveryMs, signal);
    }
  }

  /** A cancelled item names its image only when InvokeAI has really stopped working on it. */
  async function drain(attempt: Attempt, drainMs: number, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + drainMs;
    while (Date.now() < deadline) {
      const invokeai = await deps.invokeai(attempt.backend);
      const { items } = await invokeai.listBatchItems(attempt.batchId, signal);
      if (!items.some(isStopping)) return;
      await pause(lookEveryMs, signal);
    }
  }

  return {
    enqueueBatch: (input: EnqueueInput): Promise<void> =>
      withHeartbeat((signal) =>
        sayingWhyItWaits(db, input.batchId, () => enqueueBatch(input, signal)),
      ),

    cancelBatch: (input: CancelInput): Promise<{ wasSent: boolean }> =>
      withHeartbeat((signal) =>
        sayingWhyItWaits(db, input.batchId, () => cancelBatch(input, signal)),
      ),
  };
}

/** Why the step fails, in words for its row; what nobody named is tried again. */
function refusalOf(error: unknown): unknown {
  if (error instanceof ProviderError) return giveUp(readCallFailure(error));
  if (!(error instanceof AppError)) return error;
  const { code, message } = error;
  return giveUp({ code, message, suggestion: "Request the step with other parameters." });
}

function isStopping(item: BatchItem): boolean {
  const isCut = item.status === "cancelled" && item.startedAt !== null && !item.hasResults;
  return isCut || item.status === "in_progress" || item.status === "pending";
}
