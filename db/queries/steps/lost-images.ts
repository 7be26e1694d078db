import { and, eq, exists, inArray, isNull, ne, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Photo, photos } from "../../schema/photos";
import { slots, type StepError, steps } from "../../schema/steps";
import { insertEvents } from "../events/events";

/**
 * Marks the photo's slot as lost: InvokeAI no longer has the image.
 * `isMadeAgain`: the slot of a step that is still live opens instead, so that the step requests the image again.
 */
export async function loseImage(
  tx: Tx,
  params: { photo: Pick<Photo, "id">; error: StepError; isMadeAgain: boolean },
): Promise<void> {
  const { photo, error, isMadeAgain } = params;
  const isWanted = exists(
    tx
      .select({ id: steps.id })
      .from(steps)
      .innerJoin(photos, eq(photos.stepId, steps.id))
      .where(
        and(
          eq(photos.id, photo.id),
          isNull(photos.deletedAt),
          inArray(steps.status, ["pending", "processing"]),
          isNull(steps.cancelRequestedAt),
        ),
      ),
  );
  const status = isMadeAgain ? sql`case when ${isWanted} then 'open' else 'lost' end` : "lost";
  await tx
    .update(slots)
    .set({ status, error })
    .where(and(eq(slots.photoId, photo.id), eq(slots.status, "filled")));
}

/** Loses, in this way, all images of a step that were not fetched from a place that has ended. */
export async function loseImagesAt(
  db: Db,
  params: { stepId: string; backend: string; reason: string; error: StepError },
): Promise<void> {
  const { stepId, backend, reason, error } = params;
  await db.transaction(async (tx) => {
    const lost = await tx
      .update(photos)
      .set({ retrievalStatus: "failed", retrievalError: reason })
      .where(
        and(
          eq(photos.stepId, stepId),
          eq(photos.backend, backend),
          inArray(photos.retrievalStatus, ["pending", "processing"]),
        ),
      )
      .returning({ id: photos.id, sessionId: photos.sessionId });
    for (const photo of lost) await loseImage(tx, { photo, error, isMadeAgain: true });
    await insertEvents(
      tx,
      lost.map(({ id, sessionId }) => ({
        type: "photo.retrieval_failed" as const,
        sessionId,
        data: { photo_id: id, step_id: stepId, reason },
      })),
    );
  });
}

/** Marks the photo's slot as filled: the image was fetched after all, and need not be generated again. */
export async function keepImage(tx: Tx, photoId: string): Promise<void> {
  await tx
    .update(slots)
    .set({ status: "filled", error: null })
    .where(and(eq(slots.photoId, photoId), ne(slots.status, "filled")));
}
