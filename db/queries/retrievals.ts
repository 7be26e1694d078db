import { and, eq, inArray, sql } from "drizzle-orm";
import type { Db } from "../client";
import { type Photo, photoColumns, photos } from "../schema/photos";
import type { StepError } from "../schema/steps";
import { insertEvents } from "./events";
import { keepImage, loseImage } from "./slots";

const unfinished = inArray(photos.retrievalStatus, ["pending", "processing"]);

/** Takes up a photo's retrieval; undefined when there is nothing left to fetch. */
export async function beginRetrieval(db: Db, photoId: string): Promise<Photo | undefined> {
  const [photo] = await db
    .update(photos)
    .set({ retrievalStatus: "processing" })
    .where(and(eq(photos.id, photoId), unfinished))
    .returning(photoColumns);
  return photo;
}

/** Says why a photo's next attempt has to wait; nothing is counted, and a fetched one is left as it is. */
export async function noteRetrievalWaits(
  db: Db,
  params: { photoId: string; reason: string },
): Promise<void> {
  await db
    .update(photos)
    .set({ retrievalStatus: "pending", retrievalError: params.reason })
    .where(and(eq(photos.id, params.photoId), unfinished));
}

export type RetrievedFacts = {
  mimeType: string;
  width: number;
  height: number;
  fileSize: number;
  contentHash: string;
  thumbhash: string;
};

/** The bytes are in place: the row says so. False when another run was faster. */
export async function completeRetrieval(
  db: Db,
  params: { photo: Photo; facts: RetrievedFacts },
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const won = await tx
      .update(photos)
      .set({ ...params.facts, retrievalStatus: "completed", retrievalError: null })
      .where(and(eq(photos.id, params.photo.id), unfinished))
      .returning({ id: photos.id });
    if (won.length === 0) return false;
    await keepImage(tx, params.photo.id);
    await insertEvents(tx, [
      {
        type: "photo.retrieved",
        sessionId: params.photo.sessionId,
        data: { photo_id: params.photo.id, step_id: params.photo.stepId },
      },
    ]);
    return true;
  });
}

/**
 * Counts a failed attempt. The photo waits for its next one, or is given up after `maxAttempts` or when another try cannot help.
 * `lost`: what to say of the slot when the photo is given up because there is nothing left to fetch.
 * undefined when the photo was completed or deleted meanwhile.
 */
export async function countFailedRetrieval(
  db: Db,
  params: {
    photo: Photo;
    reason: string;
    maxAttempts: number;
    final: boolean;
    lost?: StepError;
  },
): Promise<{ attempts: number; givenUp: boolean } | undefined> {
  return db.transaction(async (tx) => {
    const givenUp = params.final
      ? sql`true`
      : sql`${photos.retrievalAttempts} + 1 >= ${params.maxAttempts}::int`;
    const [row] = await tx
      .update(photos)
      .set({
        retrievalAttempts: sql`${photos.retrievalAttempts} + 1`,
        retrievalError: params.reason,
        retrievalStatus: sql`case when ${givenUp} then 'failed' else 'pending' end`,
      })
      .where(and(eq(photos.id, params.photo.id), unfinished))
      .returning({ attempts: photos.retrievalAttempts, status: photos.retrievalStatus });
    if (!row) return undefined;
    const gaveUp = row.status === "failed";
    if (gaveUp && params.lost) await loseImage(tx, { photo: params.photo, error: params.lost });
    if (gaveUp) {
      await insertEvents(tx, [
        {
          type: "photo.retrieval_failed",
          sessionId: params.photo.sessionId,
          data: { photo_id: params.photo.id, step_id: params.photo.stepId, reason: params.reason },
        },
      ]);
    }
    return { attempts: row.attempts, givenUp: gaveUp };
  });
}

/** The photos of a step that were neither fetched nor tried once. */
export async function listUntriedRetrievals(db: Db, stepId: string): Promise<string[]> {
  const rows = await db
    .select({ id: photos.id })
    .from(photos)
    .where(and(eq(photos.stepId, stepId), unfinished, eq(photos.retrievalAttempts, 0)));
  return rows.map((row) => row.id);
}
