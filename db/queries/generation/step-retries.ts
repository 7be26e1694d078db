import { and, asc, eq, exists, gt, inArray, isNull, ne, notInArray, or } from "drizzle-orm";
import type { Tx } from "../../client";
import { photos } from "../../schema/photos";
import { slots, steps } from "../../schema/steps";

/**
 * Opens the slots of a step without an image, be it that none was generated or that it was lost before it was fetched;
 * returns how many are open now. An image whose photo the owner deleted is not missing, even if it was lost.
 */
export async function reopenSlots(tx: Tx, stepId: string): Promise<number> {
  const isWanted = exists(
    tx
      .select({ id: photos.id })
      .from(photos)
      .where(and(eq(photos.id, slots.photoId), isNull(photos.deletedAt))),
  );
  const open = await tx
    .update(slots)
    .set({ status: "open", error: null, failures: 0 })
    .where(
      and(
        eq(slots.stepId, stepId),
        ne(slots.status, "filled"),
        or(and(ne(slots.status, "lost"), isNull(slots.photoId)), isWanted),
      ),
    )
    .returning({ index: slots.index });
  return open.length;
}

/** Sets an ended step back to pending; false when it has not ended. */
export async function reopenStep(tx: Tx, stepId: string): Promise<boolean> {
  const reopened = await tx
    .update(steps)
    .set({
      status: "pending",
      error: null,
      progressMessage: null,
      cancelRequestedAt: null,
      startedAt: null,
      completedAt: null,
    })
    .where(and(eq(steps.id, stepId), notInArray(steps.status, ["pending", "processing"])))
    .returning({ id: steps.id });
  return reopened.length === 1;
}

/** Resets the attempts of a step's images that were given up or wait between two attempts; returns their ids. */
export async function reopenRetrievals(tx: Tx, stepId: string): Promise<string[]> {
  const waiting = and(eq(photos.retrievalStatus, "pending"), gt(photos.retrievalAttempts, 0));
  const unfetched = await tx
    .select({ id: photos.id })
    .from(photos)
    .where(
      and(
        eq(photos.stepId, stepId),
        isNull(photos.deletedAt),
        or(eq(photos.retrievalStatus, "failed"), waiting),
      ),
    )
    .orderBy(asc(photos.slotIndex))
    .for("update");
  const ids = unfetched.map((photo) => photo.id);
  if (ids.length === 0) return ids;
  await tx
    .update(photos)
    .set({ retrievalStatus: "pending", retrievalAttempts: 0, retrievalError: null })
    .where(inArray(photos.id, ids));
  return ids;
}
