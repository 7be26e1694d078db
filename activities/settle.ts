import { findAttempt, listSlots, settleAttempt } from "#db/queries/attempts";
import { failSlot, fillSlot } from "#db/queries/slots";
import { findStep, noteStepMessage } from "#db/queries/steps";
import type { Attempt, AttemptOutcome, Slot, Step } from "#db/schema/steps";
import type { BatchItem } from "./adapters/invokeai/types";
import type { Tally } from "#workflows/generation-step/contract";
import type { ActivityDeps } from "./deps";
import { generatedPhoto } from "./generated-photo";
import { withHeartbeat } from "./heartbeat";
import { tallyOf } from "./tally";
import { sayingWhyItWaits } from "./waiting";

/** Draws the line under a batch: what failed, and what is still missing and may be asked for again. */
export function createSettleActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function settle(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step || attempt.settledAt) return;
    // Never sent: there is nothing to look for.
    const items = attempt.postedAt
      ? (await (await deps.invokeai(attempt.backend)).listBatchItems(batchId, signal)).items
      : [];
    await adoptOrphans(step, attempt, items, signal);
    const slots = (await listSlots(db, step.id)).filter((slot) => isMissing(slot, attempt));
    for (const slot of slots) {
      const failure = failureOf(slot, items);
      if (!failure) continue;
      const { code, message, suggestion } = failure;
      await failSlot(db, {
        stepId: step.id,
        index: slot.index,
        error: { code, message, suggestion },
      });
    }
    const isWhole = slots.every((slot) => failureOf(slot, items) !== undefined);
    const outcome: AttemptOutcome = step.cancelRequestedAt
      ? "cancelled"
      : isWhole
        ? "finished"
        : "interrupted";
    await settleAttempt(db, { batchId, outcome, now: deps.now() });
  }

  /** An image saved just before InvokeAI died is in no item; it is known by the session that made it. */
  async function adoptOrphans(
    step: Step,
    attempt: Attempt,
    items: BatchItem[],
    signal: AbortSignal,
  ): Promise<void> {
    const missing = (await listSlots(db, step.id)).filter((slot) => isMissing(slot, attempt));
    const cut = items.filter(
      (item) =>
        item.status === "cancelled" &&
        item.startedAt !== null &&
        missing.some((slot) => slot.index === item.slotIndex),
    );
    if (cut.length === 0) return;
    const sessionIds = cut.map((item) => item.sessionId);
    const invokeai = await deps.invokeai(attempt.backend);
    const images = await invokeai.findImagesBySession(sessionIds, signal);
    for (const image of images) {
      const item = cut.find((candidate) => candidate.sessionId === image.sessionId);
      const slot = missing.find((candidate) => candidate.index === item?.slotIndex);
      if (!slot) continue;
      const photo = generatedPhoto({
        id: deps.newId(),
        step,
        slot,
        attempt,
        imageName: image.imageName,
      });
      await fillSlot(db, { stepId: step.id, index: slot.index, photo });
    }
  }

  /** What is left to do for the step is a matter of its slots. */
  async function tally(batchId: string): Promise<Tally> {
    const attempt = await findAttempt(db, batchId);
    const slots = attempt ? await listSlots(db, attempt.stepId) : [];
    const stands = tallyOf(slots);
    if (attempt && attempt.outcome === "finished" && stands.filled > 0) {
      const message = "Generated; the images are being fetched.";
      await noteStepMessage(db, { stepId: attempt.stepId, message });
    }
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

function isMissing(slot: Slot, attempt: Attempt): boolean {
  return slot.status === "open" && attempt.slotIndexes.includes(slot.index);
}

/** Why a slot's image will not come; undefined when its item was interrupted, never sent, or is gone. */
function failureOf(slot: Slot, items: BatchItem[]) {
  return (
    items.find((item) => item.slotIndex === slot.index && item.failure !== null)?.failure ??
    undefined
  );
}
