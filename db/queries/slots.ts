import { and, eq, isNotNull, isNull, ne } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type NewPhoto, type Photo, photos } from "../schema/photos";
import { slots, type StepError } from "../schema/steps";
import { searchColumns } from "../search-words";
import { insertEvents } from "./events";

type GeneratedPhoto = NewPhoto & { sessionId: string };

/**
 * Gives a slot its image: the photo's row and the slot in one transaction. A slot whose image was lost
 * keeps its photo, which then stands for the new image.
 * The slot's photo when it was filled before, so that a repeat finds what the first call made.
 */
export async function fillSlot(
  db: Db,
  params: { stepId: string; index: number; photo: GeneratedPhoto },
): Promise<{ photoId: string | null; isNew: boolean }> {
  const { stepId, index, photo } = params;
  return db.transaction(async (tx) => {
    const [slot] = await tx
      .select()
      .from(slots)
      .where(and(eq(slots.stepId, stepId), eq(slots.index, index)))
      .for("update");
    if (!slot || slot.status === "filled") return { photoId: slot?.photoId ?? null, isNew: false };
    const photoId = slot.photoId ?? photo.id;
    if (slot.photoId === null) {
      await tx.insert(photos).values({ ...photo, ...searchColumns(photo) });
    } else {
      await replaceImage(tx, photoId, photo);
    }
    await tx
      .update(slots)
      .set({ status: "filled", photoId, error: null })
      .where(and(eq(slots.stepId, stepId), eq(slots.index, index)));
    await insertEvents(tx, [
      {
        type: slot.photoId === null ? "photo.created" : "photo.retrieval_retried",
        sessionId: photo.sessionId,
        data: { photo_id: photoId, step_id: stepId },
      },
    ]);
    return { photoId, isNew: true };
  });
}

/** The image that was made again is fetched in the place of the lost one, unless the photo was deleted for good. */
async function replaceImage(tx: Tx, photoId: string, made: GeneratedPhoto): Promise<void> {
  const { filename, backend, invokeId } = made;
  const fetched = {
    retrievalStatus: "pending",
    retrievalAttempts: 0,
    retrievalError: null,
  } as const;
  await tx
    .update(photos)
    .set({ filename, backend, invokeId, ...fetched })
    .where(and(eq(photos.id, photoId), isNull(photos.purgedAt)));
}

/** Under which names InvokeAI holds, or held, the images of a step. */
export async function listImageNames(db: Db, stepId: string): Promise<string[]> {
  const rows = await db
    .select({ invokeId: photos.invokeId })
    .from(photos)
    .where(and(eq(photos.stepId, stepId), isNotNull(photos.invokeId)));
  return rows.flatMap(({ invokeId }) => invokeId ?? []);
}

/** InvokeAI no longer has the image that filled this photo's slot. */
export async function loseImage(
  tx: Tx,
  params: { photo: Pick<Photo, "id">; error: StepError },
): Promise<void> {
  await tx
    .update(slots)
    .set({ status: "lost", error: params.error })
    .where(and(eq(slots.photoId, params.photo.id), eq(slots.status, "filled")));
}

/** The image of this photo is here after all: nobody has to make it again. */
export async function keepImage(tx: Tx, photoId: string): Promise<void> {
  await tx
    .update(slots)
    .set({ status: "filled", error: null })
    .where(and(eq(slots.photoId, photoId), ne(slots.status, "filled")));
}
