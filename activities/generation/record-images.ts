import { listSlots } from "#db/queries/steps/attempts";
import { fillSlot } from "#db/queries/steps/slots";
import type { Attempt, Slot, Step } from "#db/schema/steps";
import type { BatchItem } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { generatedPhoto } from "./generated-photo";
import { slotIndexOf } from "./item-slots";
import { recipeOf } from "./recipe-graph";

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
  const isOpenEnded = await makesUnknownNumber(deps, step);
  for (const item of items) {
    if (!isOver(item) || item.slotIndex === null) continue;
    // A part of an unknown number would count as all of it: the item is requested again.
    if (isOpenEnded && item.status !== "completed" && step.cancelRequestedAt === null) continue;
    for (const { imageName, index } of placesOf(step, item, item.slotIndex)) {
      const known = slots.get(index);
      const slot = known ?? (isOpenEnded ? nextSlot(step, item, index) : undefined);
      if (!slot || slot.status === "filled") continue;
      const opens = known ? undefined : slot.seed;
      const photoId = await recordImage(deps, { step, attempt, slot, imageName, opens });
      slots.set(slot.index, { ...slot, status: "filled" } satisfies Slot);
      if (photoId !== null) photoIds.push(photoId);
    }
  }
  return photoIds;
}

/** Whether the step's recipe shows only at the end how many pictures it makes. */
async function makesUnknownNumber(deps: ActivityDeps, step: Step): Promise<boolean> {
  return step.recipeId !== null && (await recipeOf(deps, step)).template.isOpenEnded;
}

/** The slot of each picture of an item. */
function placesOf(step: Step, { pictures }: BatchItem, item: number) {
  const counts = new Map<number, number>();
  return pictures.flatMap(({ output, imageName }) => {
    const nth = counts.get(output) ?? 0;
    counts.set(output, nth + 1);
    const index = slotIndexOf(step, { item, output, nth });
    return index === undefined ? [] : [{ index, imageName }];
  });
}

/** A slot that opens with its picture. */
function nextSlot({ id }: Step, { seed }: BatchItem, index: number): Slot | undefined {
  if (seed === null) return undefined;
  return {
    stepId: id,
    index,
    seed,
    prompt: null,
    negativePrompt: null,
    sourceImageId: null,
    enlargement: null,
    status: "open",
    photoId: null,
    error: null,
    failures: 0,
  };
}

/** Fills a slot with an image; null when the slot was filled already. */
export async function recordImage(
  deps: ActivityDeps,
  made: { step: Step; attempt: Attempt; slot: Slot; imageName: string; opens?: number | undefined },
): Promise<string | null> {
  const photo = generatedPhoto({ id: deps.newId(), ...made });
  const { step, slot, opens } = made;
  const { index } = slot;
  const filled = await fillSlot(deps.database.db, { stepId: step.id, index, photo, opens });
  return filled.isNew ? filled.photoId : null;
}

/** Whether the item has ended. */
export function isOver(item: BatchItem): boolean {
  return item.status === "completed" || item.status === "failed" || item.status === "cancelled";
}
