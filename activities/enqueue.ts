import { log } from "@temporalio/activity";
import { ProviderError } from "#errors";
import { findAttempt, listSlots, settleAttempt, settleUnsent } from "#db/queries/attempts";
import { claimPost, markAccepted, releasePost } from "#db/queries/sending-ledgers";
import { getSettings } from "#db/queries/settings";
import { findStep } from "#db/queries/steps";
import type { Attempt } from "#db/schema/steps";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import { placePictures } from "./adapters/invokeai/graphs/index";
import type { BatchItem } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { pause, withHeartbeat } from "./heartbeat";
import { ensureModelsOf } from "./models";
import { doubtEnds, lookEveryMs, sendOnce, type SendingLedger } from "./send-once";
import { stepGraph } from "./step-graph";
import { sayingWhyItWaits } from "./waiting";

type EnqueueInput = { batchId: string; graceMs: number };
type CancelInput = EnqueueInput & { drainMs: number };

/** Sends a step's batch, once. The protocol is described in docs/workflows/generation-step.md. */
export function createEnqueueActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function enqueueBatch({ batchId, graceMs }: EnqueueInput, signal: AbortSignal) {
    const attempt = await findAttempt(db, batchId);
    if (!attempt || attempt.settledAt || attempt.acceptedAt) return;
    await ensureModels(attempt, signal);
    const batch = prepare(attempt, signal);
    // Over before the right to send is taken, from which the doubt is counted; a fault of it is a refusal.
    await Promise.allSettled([batch]);
    const sent = { ledger: "attempts", batchId } as const;
    const ledger: SendingLedger = {
      find: () => findAttempt(db, batchId),
      claim: (params) => claimPost(db, { ...sent, ...params }),
      release: (posted) => releasePost(db, { ...sent, posted }),
      accept: (now) => markAccepted(db, { ...sent, now }),
      refuse: (now) => settleAttempt(db, { batchId, outcome: "refused", now }),
    };
    const send = async (invokeai: InvokeAiClient) => {
      const prepared = await batch;
      return prepared && invokeai.enqueueBatch(prepared, signal);
    };
    await sendOnce(deps, { batchId, graceMs, ledger, send }, signal);
  }

  /** Before anybody may send it: afterwards a fault would leave the outcome in doubt. */
  async function ensureModels(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const step = attempt.postedAt ? undefined : await findStep(db, attempt.stepId);
    if (step) await ensureModelsOf(deps, { step, backend: attempt.backend }, signal);
  }

  /** What is sent; undefined when the step is gone. */
  async function prepare(attempt: Attempt, signal: AbortSignal) {
    const { batchId, sourceImageName } = attempt;
    const step = await findStep(db, attempt.stepId);
    if (!step) return undefined;
    const slots = (await listSlots(db, step.id)).filter((slot) =>
      attempt.slotIndexes.includes(slot.index),
    );
    const graph = await stepGraph(db, { step, sourceImageName });
    const boardId = await findBoard(attempt.backend, signal);
    return { batchId, slots, graph: placePictures(graph, { batchId, boardId }) };
  }

  /** The board that the owner wants pictures on. That it cannot be had disturbs nothing: they are then on none. */
  async function findBoard(backend: string, signal: AbortSignal): Promise<string | null> {
    const name = (await getSettings(db, deps.config))["backend.board_name"];
    if (name === null) return null;
    try {
      return await (await deps.invokeai(backend)).ensureBoard(name, signal);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      log.warn("pictures go on no board", { error });
      return null;
    }
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
      const { total } = await invokeai.getBatchStatus(batchId, signal);
      if (total > 0) {
        await invokeai.cancelBatch(batchId, signal);
        await markAccepted(db, { ledger: "attempts", batchId, now: deps.now() });
        await drain(attempt, input.drainMs, signal);
        return { wasSent: true };
      }
      const doubt = doubtEnds(deps, { posted: attempt.postedAt, graceMs: input.graceMs });
      if (attempt.acceptedAt || deps.now() >= doubt) {
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

function isStopping(item: BatchItem): boolean {
  const isCut = item.status === "cancelled" && item.startedAt !== null && !item.hasResults;
  return isCut || item.status === "in_progress" || item.status === "pending";
}
