import { listSlots } from "#db/queries/steps/attempts";
import { fillSlot } from "#db/queries/steps/slots";
import type { Attempt, Slot, Step } from "#db/schema/steps";
import type { BatchItem } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { generatedPhoto } from "./generated-photo";

/** Inserts photo rows for the images of ended items; idempotent. Returns the new photos. */
export async function recordImages(
  deps: ActivityDeps,
  made: { step: Step; attempt: Attempt; items: BatchItem[] },
): Promise<string[]> {
  const { step, attempt, items } = made;
  const slots = new Map(
    (await listSlots(deps.database.db, step.id)).map((slot) => [slot.index, slot]),
  );
  const photoIds: string[] = [];
  for (const item of items) {
    const slot = item.slotIndex === null ? undefined : slots.get(item.slotIndex);
    if (!slot || slot.status === "filled" || item.imageName === null || !isOver(item)) continue;
    const photoId = await recordImage(deps, { step, attempt, slot, imageName: item.imageName });
    slots.set(slot.index, { ...slot, status: "filled" } satisfies Slot);
    if (photoId !== null) photoIds.push(photoId);
  }
  return photoIds;
}

/** Fills a slot with an image; null when the slot was filled already. */
export async function recordImage(
  deps: ActivityDeps,
  made: { step: Step; attempt: Attempt; slot: Slot; imageName: string },
): Promise<string | null> {
  const photo = generatedPhoto({ id: deps.newId(), ...made });
  const { step, slot } = made;
  const filled = await fillSlot(deps.database.db, { stepId: step.id, index: slot.index, photo });
  return filled.isNew ? filled.photoId : null;
}

/** Whether the item has ended. */
export function isOver(item: BatchItem): boolean {
  return item.status === "completed" || item.status === "failed" || item.status === "cancelled";
}
