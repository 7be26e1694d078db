import { log } from "@temporalio/activity";
import { ProviderError } from "#errors";
import { findAttempt, listSlots, settleAttempt, settleUnsent } from "#db/queries/steps/attempts";
import { claimPost, markAccepted, releasePost } from "#db/queries/steps/sending-ledgers";
import { getSettings } from "#db/queries/installation/settings";
import { findStep } from "#db/queries/steps/steps";
import type { Attempt } from "#db/schema/steps";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import { placePictures } from "../adapters/invokeai/graphs/index";
import type { BatchItem } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { pause, withHeartbeat } from "../heartbeat";
import { ensureModelsOf } from "../backend/models";
import { inDoubtUntil, pollEveryMs, sendOnce, type SendingLedger } from "./send-once";
import { itemOf, combinationOf } from "./item-slots";
import { prepareRecipe, recipeGraph } from "./recipe-graph";
import { pictureRole, recipePromptsOf, stepGraph } from "./step-graph";
import { withWaitMessage } from "./wait-message";

type EnqueueInput = { batchId: string; graceMs: number };
type CancelInput = EnqueueInput & { drainMs: number };

/** Sends a step's batch, once. The protocol is described in docs/workflows/generation-step.md. */
export function createEnqueueActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function enqueueBatch({ batchId, graceMs }: EnqueueInput, signal: AbortSignal) {
    const attempt = await findAttempt(db, batchId);
    if (!attempt || attempt.settledAt || attempt.acceptedAt) return;
    await ensureModels(attempt, signal);
    const images = prepareImages(attempt, signal);
    await images.catch((error: unknown) => {
      // Once sending is in doubt, only a lost connection may end this try: the batch may be there.
      if (attempt.postedAt === null || error instanceof ProviderError) throw error;
    });
    const batch = prepare(attempt, images, signal);
    // Prepare before claiming: the in-doubt period starts at the claim. A failure is thrown in `send`, as a refusal.
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

  /** Only before the first claim: after it, an error here would leave the outcome in doubt. */
  async function ensureModels(attempt: Attempt, signal: AbortSignal): Promise<void> {
    const step = attempt.postedAt ? undefined : await findStep(db, attempt.stepId);
    if (step) await ensureModelsOf(deps, { step, backend: attempt.backend }, signal);
  }

  /** The images of a step that runs a recipe. */
  async function prepareImages({ stepId, backend }: Attempt, signal: AbortSignal) {
    const step = await findStep(db, stepId);
    if (!step || step.recipeId === null) return new Map<string, string>();
    return prepareRecipe(deps, { step, backend }, signal);
  }

  /** The batch to send; undefined when the step is gone. */
  async function prepare(
    attempt: Attempt,
    images: Promise<ReadonlyMap<string, string>>,
    signal: AbortSignal,
  ) {
    const { batchId, backend } = attempt;
    const step = await findStep(db, attempt.stepId);
    if (!step) return undefined;
    const slots = (await listSlots(db, step.id)).filter(
      ({ index, enlargement }) =>
        attempt.slotIndexes.includes(index) &&
        // One whose picture is gone has failed.
        (enlargement === null || attempt.imageNames[pictureRole(index)] !== undefined),
    );
    if (step.recipeId === null) {
      const { graph, values } = await stepGraph(db, { step, slots, attempt });
      const boardId = await findBoard(backend, signal);
      return { batchId, slots, values, graph: placePictures(graph, { batchId, boardId }) };
    }
    const boardId = await findBoard(backend, signal);
    const parts = slots.map(({ index, seed }) => ({ ...itemOf(step, index), seed }));
    const outputs = [...new Set(parts.map(({ output }) => output))].toSorted((a, b) => a - b);
    const [slot] = slots;
    if (!slot) return undefined;
    const of = {
      combination: combinationOf(step, slot.index),
      prompts: recipePromptsOf(step, slot),
      outputs,
    };
    const placed = { step, backend, images: await images, ...of, batchId, boardId };
    const graph = await recipeGraph(deps, placed);
    // One item makes all pictures of a seed.
    const items = new Map(parts.map(({ item, seed }) => [item, { index: item, seed }]));
    return { batchId, slots: [...items.values()], values: [], graph };
  }

  /** The configured board. If InvokeAI cannot provide it, the images go on no board. */
  async function findBoard(backend: string, signal: AbortSignal): Promise<string | null> {
    const name = (await getSettings(db, deps.config))["backend.board_name"];
    if (name === null) return null;
    try {
      return await (await deps.invokeai(backend)).ensureBoard(name, signal);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      log.warn("board unavailable", { error });
      return null;
    }
  }

  /**
   * Cancels a batch by its id. One whose sending is in doubt is polled for until it can no longer arrive.
   * `wasSent` is false when there is nothing on the server to wait for.
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
        // Once settled as unsent it cannot be sent; false: a sender has claimed it first and set `postedAt`.
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
      const inDoubt = inDoubtUntil(deps, { posted: attempt.postedAt, graceMs: input.graceMs });
      if (attempt.acceptedAt || deps.now() >= inDoubt) {
        return { wasSent: false };
      }
      await pause(pollEveryMs, signal);
    }
  }

  /** Waits until InvokeAI has stopped working on cancelled items: only then do they name their images. */
  async function drain(attempt: Attempt, drainMs: number, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + drainMs;
    while (Date.now() < deadline) {
      const invokeai = await deps.invokeai(attempt.backend);
      const { items } = await invokeai.listBatchItems(attempt.batchId, signal);
      if (!items.some(isStopping)) return;
      await pause(pollEveryMs, signal);
    }
  }

  return {
    enqueueBatch: (input: EnqueueInput): Promise<void> =>
      withHeartbeat((signal) =>
        withWaitMessage(deps, input.batchId, () => enqueueBatch(input, signal)),
      ),

    cancelBatch: (input: CancelInput): Promise<{ wasSent: boolean }> =>
      withHeartbeat((signal) =>
        withWaitMessage(deps, input.batchId, () => cancelBatch(input, signal)),
      ),
  };
}

function isStopping(item: BatchItem): boolean {
  const isCut = item.status === "cancelled" && item.startedAt !== null && !item.hasResults;
  return isCut || item.status === "in_progress" || item.status === "pending";
}
