import { and, eq } from "drizzle-orm";
import type { Db } from "../client";
import { type NewPhoto, photos } from "../schema/photos";
import { slots, type StepError } from "../schema/steps";
import { searchColumns } from "../search-words";
import { insertEvents } from "./events";

/**
 * Gives a slot its image: the photo's row and the slot in one transaction.
 * The slot's photo when it was filled before, so that a repeat finds what the first call made.
 */
export async function fillSlot(
  db: Db,
  params: { stepId: string; index: number; photo: NewPhoto & { sessionId: string } },
): Promise<{ photoId: string | null; isNew: boolean }> {
  return db.transaction(async (tx) => {
    const [slot] = await tx
      .select()
      .from(slots)
      .where(and(eq(slots.stepId, params.stepId), eq(slots.index, params.index)))
      .for("update");
    if (!slot || slot.status === "filled") return { photoId: slot?.photoId ?? null, isNew: false };
    await tx.insert(photos).values({ ...params.photo, ...searchColumns(params.photo) });
    await tx
      .update(slots)
      .set({ status: "filled", photoId: params.photo.id, error: null })
      .where(and(eq(slots.stepId, params.stepId), eq(slots.index, params.index)));
    await insertEvents(tx, [
      {
        type: "photo.created",
        sessionId: params.photo.sessionId,
        data: { photo_id: params.photo.id, step_id: params.stepId },
      },
    ]);
    return { photoId: params.photo.id, isNew: true };
  });
}

/** Gives a slot up, with the reason in words; nothing happens to one that is not open. */
export async function failSlot(
  db: Db,
  params: { stepId: string; index: number; error: StepError },
): Promise<void> {
  await db
    .update(slots)
    .set({ status: "failed", error: params.error })
    .where(
      and(eq(slots.stepId, params.stepId), eq(slots.index, params.index), eq(slots.status, "open")),
    );
}
