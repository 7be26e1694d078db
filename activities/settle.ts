import { findAttempt, listSlots, settleAttempt, type SlotFailure } from "#db/queries/attempts";
import { listImageNames } from "#db/queries/slots";
import { findStep, noteStepMessage } from "#db/queries/steps";
import { forgetUploadedSource } from "#db/queries/uploaded-sources";
import type { Attempt, AttemptOutcome, Slot, Step } from "#db/schema/steps";
import type { Tally } from "#workflows/generation-step/contract";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import { describeFailure, type GenerationFailure } from "./adapters/invokeai/errors";
import type { BatchItems } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { pause, withHeartbeat } from "./heartbeat";
import { isOver, recordImage, recordImages } from "./record-images";
import { tallyOf } from "./tally";
import { sayingWhyItWaits } from "./waiting";

/** Nothing is decoded for longer; what hangs must not keep a step from its end. */
const strayTimeoutMs = 300_000;
const lookEveryMs = 500;

/** Draws the line under a batch: what failed, and what is still missing and may be asked for again. */
export function createSettleActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function settle(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step || attempt.settledAt) return;
    // Never sent: there is nothing to look for.
    const seen = attempt.postedAt ? await close(attempt, signal) : { items: [], unreadable: 0 };
    await recordImages(deps, { step, attempt, items: seen.items });
    if (attempt.postedAt) await adoptOrphans(step, attempt, signal);
    const missing = await listMissing(attempt);
    const failures = missing.flatMap((slot) => {
      const failure = failureOf(slot, seen);
      return failure ? [{ slot, failure }] : [];
    });
    if (failures.some(({ failure }) => failure.reason === "source_missing")) {
      await forgetSource(attempt);
    }
    const isFinal = failures.filter(({ slot, failure }) => slot.failures + 1 >= failure.maxTries);
    const outcome: AttemptOutcome = step.cancelRequestedAt
      ? "cancelled"
      : isFinal.length === missing.length
        ? "finished"
        : "interrupted";
    const counted = failures.map(({ slot, failure }) => toSlotFailure(slot, failure));
    await settleAttempt(db, { batchId, outcome, failures: counted, now: deps.now() });
  }

  /** What the server tells of the batch, of which nothing runs on behind our back. */
  async function close({ batchId, backend }: Attempt, signal: AbortSignal): Promise<BatchItems> {
    const invokeai = await deps.invokeai(backend);
    const seen = await invokeai.listBatchItems(batchId, signal);
    if (seen.unreadable === 0 && seen.items.every(isOver)) return seen;
    await invokeai.cancelBatch(batchId, signal);
    return { ...seen, items: (await invokeai.listBatchItems(batchId, signal)).items };
  }

  const listMissing = async (attempt: Attempt): Promise<Slot[]> =>
    (await listSlots(db, attempt.stepId)).filter(
      (slot) => slot.status === "open" && attempt.slotIndexes.includes(slot.index),
    );

  /** An image that no item names: saved just before InvokeAI died, or its item was deleted before anybody looked. */
  async function adoptOrphans(step: Step, attempt: Attempt, signal: AbortSignal): Promise<void> {
    const missing = await listMissing(attempt);
    if (missing.length === 0) return;
    const invokeai = await deps.invokeai(attempt.backend);
    await outwaitStray(invokeai, signal);
    const known = new Set(await listImageNames(db, step.id));
    for (const { imageName, seed } of await invokeai.findBatchImages(attempt.batchId, signal)) {
      const at = missing.findIndex((slot) => slot.seed === seed);
      const [slot] = known.has(imageName) || at === -1 ? [] : missing.splice(at, 1);
      if (slot) await recordImage(deps, { step, attempt, slot, imageName });
    }
  }

  /** InvokeAI stops between two nodes: what was cancelled or deleted in the middle of its decoding is saved after that. */
  async function outwaitStray(invokeai: InvokeAiClient, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + strayTimeoutMs;
    while (Date.now() < deadline && (await invokeai.getQueueStatus(signal)).isFinishingStray) {
      await pause(lookEveryMs, signal);
    }
  }

  async function forgetSource({ backend, sourceImageName: imageName }: Attempt): Promise<void> {
    if (imageName !== null) await forgetUploadedSource(db, { backend, imageName });
  }

  /** What is left to do for the step is a matter of its slots. */
  async function tally(batchId: string): Promise<Tally> {
    const attempt = await findAttempt(db, batchId);
    const slots = attempt ? await listSlots(db, attempt.stepId) : [];
    const stands = tallyOf(slots);
    const message = attempt && wordsAfter(attempt, stands);
    if (message) await noteStepMessage(db, { stepId: attempt.stepId, message });
    return stands;
  }

  return {
    settleAttempt: ({ batchId }: { batchId: string }): Promise<Tally> =>
      withHeartbeat(async (signal) => {
        await sayingWhyItWaits(db, batchId, () => settle(batchId, signal));
        return tally(batchId);
      }),
  };
}

/** What a person reads until the next word of the step. */
function wordsAfter({ outcome }: Attempt, { filled }: Tally): string | undefined {
  if (outcome === "interrupted")
    return "InvokeAI was interrupted; what is missing is asked for again.";
  if (outcome === "finished" && filled > 0) return "Generated; the images are being fetched.";
  return undefined;
}

/** Why a slot's image did not come; undefined when its item was interrupted, never sent, or is gone. */
function failureOf(slot: Slot, { items, unreadable }: BatchItems): GenerationFailure | undefined {
  const own = items.filter((item) => item.slotIndex === slot.index);
  const isUnreadable = unreadable > 0 && own.length === 0;
  if (isUnreadable) return describeFailure("item_unreadable");
  return own.find((item) => item.failure !== null)?.failure ?? undefined;
}

function toSlotFailure(slot: Slot, failure: GenerationFailure): SlotFailure {
  const { code, message, suggestion, maxTries } = failure;
  return { index: slot.index, error: { code, message, suggestion }, maxTries };
}
