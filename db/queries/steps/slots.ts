import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type NewPhoto, photos } from "../../schema/photos";
import { slots } from "../../schema/steps";
import { searchColumns } from "../../search/search-words";
import { insertEvents } from "../events/events";

type GeneratedPhoto = NewPhoto & { sessionId: string };

/**
 * Fills a slot: writes the photo's row and the slot in one transaction. A slot whose image was lost keeps its photo, which
 * then holds the new image; the lost image itself never fills it again. If the slot was filled before, returns its photo,
 * so that a repeated call gets the result of the first.
 * @param params.opens the seed of a slot that opens now: of some recipes, the number of pictures shows only when they exist
 */
export async function fillSlot(
  db: Db,
  params: { stepId: string; index: number; photo: GeneratedPhoto; opens?: number | undefined },
): Promise<{ photoId: string | null; isNew: boolean }> {
  const { stepId, index, photo, opens } = params;
  return db.transaction(async (tx) => {
    if (opens !== undefined) {
      await tx.insert(slots).values({ stepId, index, seed: opens }).onConflictDoNothing();
    }
    const [slot] = await tx
      .select()
      .from(slots)
      .where(and(eq(slots.stepId, stepId), eq(slots.index, index)))
      .for("update");
    if (!slot || slot.status === "filled") return { photoId: slot?.photoId ?? null, isNew: false };
    const photoId = slot.photoId ?? photo.id;
    // This is the image that was lost.
    if (slot.photoId !== null && (await hasImage(tx, slot.photoId, photo))) {
      return { photoId, isNew: false };
    }
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

async function hasImage(tx: Tx, photoId: string, made: GeneratedPhoto): Promise<boolean> {
  const [photo] = await tx
    .select({ backend: photos.backend, invokeId: photos.invokeId })
    .from(photos)
    .where(eq(photos.id, photoId));
  return photo?.invokeId === made.invokeId && photo?.backend === made.backend;
}

/** Replaces the lost image by the regenerated one, which must be fetched; does nothing when the photo was purged. */
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

/** How many images a step has, and how many it still waits for. */
export async function countSlots(
  db: Db,
  stepId: string,
): Promise<{ filled: number; open: number }> {
  const [counts] = await db
    .select({
      filled: sql<number>`count(*) filter (where ${slots.status} = 'filled')::int`,
      open: sql<number>`count(*) filter (where ${slots.status} = 'open')::int`,
    })
    .from(slots)
    .where(eq(slots.stepId, stepId));
  return counts ?? { filled: 0, open: 0 };
}

/** InvokeAI's names of a step's images. */
export async function listImageNames(db: Db, stepId: string): Promise<string[]> {
  const rows = await db
    .select({ invokeId: photos.invokeId })
    .from(photos)
    .where(and(eq(photos.stepId, stepId), isNotNull(photos.invokeId)));
  return rows.flatMap(({ invokeId }) => invokeId ?? []);
}
