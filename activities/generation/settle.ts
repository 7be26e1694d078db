import { log } from "@temporalio/activity";
import {
  findAttempt,
  listSlots,
  settleAttempt,
  type SlotFailure,
} from "#db/queries/steps/attempts";
import { loseImagesAt } from "#db/queries/steps/lost-images";
import { listImageNames } from "#db/queries/steps/slots";
import { findStep, noteStepMessage } from "#db/queries/steps/steps";
import { forgetUploadedSource } from "#db/queries/steps/uploaded-sources";
import type { Attempt, AttemptOutcome, Slot, Step } from "#db/schema/steps";
import type { Tally } from "#workflows/generation-step/contract";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import {
  describeFailure,
  type FailureReason,
  type GenerationFailure,
} from "../adapters/invokeai/errors";
import type { BatchItem, BatchItems } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { pause, withHeartbeat } from "../heartbeat";
import { readModels } from "../backend/models";
import { hasEnded } from "../backend/places";
import { itemOf } from "./item-slots";
import { recipeOf } from "./recipe-graph";
import { isOver, recordImage, recordImages } from "./record-images";
import { tallyOf } from "./tally";
import { withWaitMessage } from "./wait-message";
import { lostImages } from "../retrieval/lost-image";
import { hasWholeImage } from "../retrieval/whole-image";

/** Decoding takes less time; an item that hangs must not keep its step open. */
const removedItemTimeoutMs = 300_000;
const pollEveryMs = 500;

/** `isWhole`: all images of the step exist, and all items of the batch have ended. */
type SettleInput = { batchId: string; isWhole?: boolean };

/** Settles a batch: which slots failed, and which are still open and are requested again. */
export function createSettleActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  /** Returns why images are requested again, if any are. */
  async function settle(
    { batchId, isWhole = false }: SettleInput,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step || attempt.settledAt) return undefined;
    const isGone = await hasEnded(deps, attempt.backend);
    if (isGone) await loseImages(attempt);
    // Never sent, complete, or ended with its place: InvokeAI has nothing to add.
    const isKnown = !attempt.postedAt || isWhole || isGone;
    const seen = isKnown ? { items: [], unreadable: 0 } : await endBatch(attempt, signal);
    await recordImages(deps, { step, attempt, items: seen.items });
    if (attempt.postedAt && !isGone) await adoptOrphans(step, attempt, signal);
    const missing = await listMissing(attempt);
    const failures = missing.flatMap((slot) => {
      const failure = failureOf(step, slot, seen);
      return failure ? [{ slot, failure }] : [];
    });
    for (const { slot, failure } of failures) {
      const { code, message, details } = failure;
      log.warn("an image failed", { batchId, slot: slot.index, code, message, details });
    }
    const isMissing = (reason: FailureReason) =>
      failures.some(({ failure }) => failure.reason === reason);
    if (isMissing("source_missing")) await forgetSource(attempt);
    if (isMissing("model_missing")) await refreshModels(attempt, signal);
    const isFinal = failures.filter(({ slot, failure }) => slot.failures + 1 >= failure.maxTries);
    const outcome: AttemptOutcome = step.cancelRequestedAt
      ? "cancelled"
      : isFinal.length === missing.length
        ? "finished"
        : "interrupted";
    const counted = failures.map(({ slot, failure }) => toSlotFailure(slot, failure));
    await settleAttempt(db, { batchId, outcome, failures: counted, now: deps.now() });
    if (outcome !== "interrupted") return undefined;
    const finalIndexes = new Set(isFinal.map(({ slot }) => slot.index));
    const again = missing.filter((slot) => !finalIndexes.has(slot.index));
    return interruptionMessage(
      again,
      isGone ? "The rented GPU has ended." : causeOf(step, again, seen),
    );
  }

  async function loseImages({ stepId, backend }: Attempt): Promise<void> {
    await loseImagesAt(db, { stepId, backend, ...lostImages.gone });
  }

  /** The list still has a model that is gone. If it cannot be read now, the step goes on all the same. */
  async function refreshModels({ backend }: Attempt, signal: AbortSignal): Promise<void> {
    try {
      await readModels(deps, backend, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn("models not refreshed", { error });
    }
  }

  /** Reads the batch's items; cancels it if any are unfinished or unreadable, so that nothing of it keeps running. */
  async function endBatch({ batchId, backend }: Attempt, signal: AbortSignal): Promise<BatchItems> {
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

  /** Records images that no item names: saved just before InvokeAI died, or the item was deleted before it was polled. */
  async function adoptOrphans(step: Step, attempt: Attempt, signal: AbortSignal): Promise<void> {
    const missing = await listMissing(attempt);
    if (missing.length === 0) return;
    const invokeai = await deps.invokeai(attempt.backend);
    await waitForRemovedItem(invokeai, signal);
    // How many of them an item has made cannot be known: it runs again.
    if (step.recipeId !== null && (await recipeOf(deps, step)).template.isOpenEnded) return;
    const known = new Set(await listImageNames(db, step.id));
    const found = await invokeai.findBatchImages(attempt.batchId, signal);
    for (const { imageName, seed, output } of found) {
      const at = missing.findIndex(
        (slot) => slot.seed === seed && itemOf(step, slot.index).output === output,
      );
      if (known.has(imageName) || at === -1) continue;
      // An image with an incomplete file is skipped: its slot stays open and is requested again.
      if (!(await hasWholeImage(invokeai, imageName, signal))) continue;
      const [slot] = missing.splice(at, 1);
      if (slot) await recordImage(deps, { step, attempt, slot, imageName });
    }
  }

  /** InvokeAI stops between two nodes only: an item that was cancelled or deleted while decoding still saves its image. */
  async function waitForRemovedItem(invokeai: InvokeAiClient, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + removedItemTimeoutMs;
    while (
      Date.now() < deadline &&
      (await invokeai.getQueueStatus(signal)).isFinishingRemovedItem
    ) {
      await pause(pollEveryMs, signal);
    }
  }

  async function forgetSource({ backend, sourceImageName, imageNames }: Attempt): Promise<void> {
    for (const imageName of [sourceImageName, ...Object.values(imageNames)]) {
      if (imageName !== null) await forgetUploadedSource(db, { backend, imageName });
    }
  }

  /** The step's slots, with the message for its row. */
  async function tally(batchId: string, interruption: string | undefined): Promise<Tally> {
    const attempt = await findAttempt(db, batchId);
    const slots = attempt ? await listSlots(db, attempt.stepId) : [];
    const counts = tallyOf(slots);
    const message = attempt && (interruption ?? messageAfter(attempt, counts));
    if (message) await noteStepMessage(db, { stepId: attempt.stepId, message });
    if (interruption !== undefined) return { ...counts, message: interruption };
    const isNext = attempt?.outcome === "finished" && counts.open > 0;
    return isNext ? { ...counts, isNext } : counts;
  }

  return {
    settleAttempt: (input: SettleInput): Promise<Tally> =>
      withHeartbeat(async (signal) => {
        const { batchId } = input;
        const interruption = await withWaitMessage(deps, batchId, () => settle(input, signal));
        return tally(batchId, interruption);
      }),
  };
}

/** The step's message until its next one. */
function messageAfter({ outcome }: Attempt, { filled }: Tally): string | undefined {
  // An earlier try settled the batch; its reason is no longer known.
  if (outcome === "interrupted") return "The missing images are requested again.";
  if (outcome === "finished" && filled > 0) return "Generated; the images are being fetched.";
  return undefined;
}

function interruptionMessage({ length }: Slot[], cause: string): string {
  const again = length === 1 ? "1 image is" : `${length} images are`;
  return `${cause} ${again} requested again.`;
}

/** Why these slots are requested again. */
function causeOf(step: Step, slots: Slot[], seen: BatchItems): string {
  const failure = slots
    .map((slot) => failureOf(step, slot, seen))
    .find((found) => found !== undefined);
  const isCut = slots.some((slot) => itemsOf(step, slot, seen).length > 0);
  return (
    failure?.message ??
    (isCut ? "InvokeAI was interrupted." : "Items are missing in InvokeAI's queue.")
  );
}

/** Why a slot has no image; undefined when its item was interrupted, never sent, or is gone. */
function failureOf(step: Step, slot: Slot, seen: BatchItems): GenerationFailure | undefined {
  const own = itemsOf(step, slot, seen);
  const isUnreadable = seen.unreadable > 0 && own.length === 0;
  if (isUnreadable) return describeFailure("item_unreadable");
  const failure = own.find((item) => item.failure !== null)?.failure;
  // The item has made its other pictures.
  const isWithoutIt = own.some(({ status }) => status === "completed");
  return failure ?? (isWithoutIt ? describeFailure("image_missing") : undefined);
}

/** The items that should have made the picture of a slot. */
function itemsOf(step: Step, slot: Slot, { items }: BatchItems): BatchItem[] {
  const { item } = itemOf(step, slot.index);
  return items.filter(({ slotIndex }) => slotIndex === item);
}

function toSlotFailure(slot: Slot, failure: GenerationFailure): SlotFailure {
  const { code, message, suggestion, details, maxTries } = failure;
  const error = { code, message, suggestion, ...(details !== undefined && { details }) };
  return { index: slot.index, error, maxTries };
}
