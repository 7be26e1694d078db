import { and, eq, inArray, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { type Photo, photoColumns, photos, retrievalClaims } from "../../schema/photos";
import type { StepError } from "../../schema/steps";
import { insertEvents } from "../events/events";
import { keepImage, loseImage } from "./lost-images";

const unfinished = inArray(photos.retrievalStatus, ["pending", "processing"]);

export type RetrievalClaim = { photoId: string; holder: string };

type WantedClaim = RetrievalClaim & { leaseMs: number; untriedOnly: boolean };

/**
 * Claims the exclusive right to fetch a photo's image for `leaseMs`, and sets its retrieval to `processing`. `untriedOnly`: only
 * if no attempt has failed yet. undefined when another holder has the claim, or there is nothing to fetch.
 */
export async function claimRetrieval(db: Db, wanted: WantedClaim): Promise<Photo | undefined> {
  const claimed = db.$with("claimed", { photoId: retrievalClaims.photoId }).as(claimOf(wanted));
  const [photo] = await db
    .with(claimed)
    .update(photos)
    .set({ retrievalStatus: "processing" })
    .where(inArray(photos.id, db.select().from(claimed)))
    .returning(photoColumns);
  return photo;
}

/** Extends a claim. False when another holder has it, or there is nothing to fetch any more. */
export async function renewRetrieval(
  db: Db,
  claim: Omit<WantedClaim, "untriedOnly">,
): Promise<boolean> {
  const renewed = await db.execute(claimOf({ ...claim, untriedOnly: false }));
  return renewed.length === 1;
}

/** Locks the photo, so that it stays unfinished until the statement ends. */
const claimOf = ({ photoId, holder, leaseMs, untriedOnly }: WantedClaim) => sql`
  insert into retrieval_claims as c (photo_id, holder, expires_at)
  select id, ${holder}::uuid, now() + ${leaseMs}::int * interval '1 millisecond' from photos
  where id = ${photoId} and retrieval_status in ('pending', 'processing')
    and (retrieval_attempts = 0 or not ${untriedOnly}::boolean)
  for update
  on conflict (photo_id) do update set holder = excluded.holder, expires_at = excluded.expires_at
    where c.holder = excluded.holder or c.expires_at < now()
  returning photo_id
`;

/** Releases a claim; does nothing when another holder has it. */
export async function releaseRetrieval(db: Db, claim: RetrievalClaim): Promise<void> {
  await db
    .delete(retrievalClaims)
    .where(
      and(eq(retrievalClaims.photoId, claim.photoId), eq(retrievalClaims.holder, claim.holder)),
    );
}

/** A photo whose image was not fetched yet; else undefined. */
export async function findUnfetched(db: Db, photoId: string): Promise<Photo | undefined> {
  const [photo] = await db
    .select(photoColumns)
    .from(photos)
    .where(and(eq(photos.id, photoId), unfinished));
  return photo;
}

/** Records why a photo's next attempt must wait, without counting an attempt; does nothing once it is fetched. */
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

/** Records that the bytes are stored; false when another run has done so. */
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
 * Counts a failed attempt. The photo is given up after `maxAttempts`, or at once if `final`.
 * `lost`: the slot's error if the photo is given up because InvokeAI no longer has the image; `isMadeAgain`: see loseImage.
 * undefined when the photo was completed or deleted, or got another image, meanwhile.
 */
export async function countFailedRetrieval(
  db: Db,
  params: {
    photo: Photo;
    reason: string;
    maxAttempts: number;
    final: boolean;
    lost?: StepError;
    isMadeAgain?: boolean;
  },
): Promise<{ attempts: number; givenUp: boolean } | undefined> {
  const { photo, lost: error, isMadeAgain = false } = params;
  const isSameImage = sql`${photos.invokeId} is not distinct from ${photo.invokeId}`;
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
      .where(and(eq(photos.id, photo.id), isSameImage, unfinished))
      .returning({ attempts: photos.retrievalAttempts, status: photos.retrievalStatus });
    if (!row) return undefined;
    const gaveUp = row.status === "failed";
    if (gaveUp && error) await loseImage(tx, { photo, error, isMadeAgain });
    if (gaveUp) {
      await insertEvents(tx, [
        {
          type: "photo.retrieval_failed",
          sessionId: photo.sessionId,
          data: { photo_id: photo.id, step_id: photo.stepId, reason: params.reason },
        },
      ]);
    }
    return { attempts: row.attempts, givenUp: gaveUp };
  });
}

/** The photos of a step that are not fetched and have no failed attempt. */
export async function listUntriedRetrievals(db: Db, stepId: string): Promise<string[]> {
  const rows = await db
    .select({ id: photos.id })
    .from(photos)
    .where(and(eq(photos.stepId, stepId), unfinished, eq(photos.retrievalAttempts, 0)));
  return rows.map((row) => row.id);
}
