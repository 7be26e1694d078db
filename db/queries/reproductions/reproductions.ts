import { and, asc, eq, gt, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { photos, type Reproduction } from "../../schema/photos";
import { type ReproductionRow, reproductions } from "../../schema/reproductions";
import { insertEvents } from "../events/events";

const live = or(isNull(reproductions.judgedAt), isNotNull(reproductions.imageName));

/** Inserts a request; does nothing when it exists, or when the photo has one without a verdict. */
export async function insertReproduction(
  db: Db | Tx,
  request: { id: string; photoId: string },
): Promise<void> {
  await db.insert(reproductions).values(request).onConflictDoNothing();
}

export async function findReproduction(db: Db, id: string): Promise<ReproductionRow | undefined> {
  const [row] = await db.select().from(reproductions).where(eq(reproductions.id, id));
  return row;
}

/** The request whose open batch this is; undefined once it was closed or judged. */
export async function findReproductionOfBatch(
  db: Db,
  batchId: string,
): Promise<ReproductionRow | undefined> {
  const row = await findReproduction(db, batchId.slice(0, batchId.lastIndexOf("-")));
  return row?.batchId === batchId && row.judgedAt === null ? row : undefined;
}

/** A photo's oldest request that still needs a verdict or the deletion of its image on InvokeAI. */
export async function findLiveReproduction(
  db: Db,
  photoId: string,
): Promise<ReproductionRow | undefined> {
  const [row] = await db
    .select()
    .from(reproductions)
    .where(and(eq(reproductions.photoId, photoId), live))
    .orderBy(asc(reproductions.createdAt), asc(reproductions.id))
    .limit(1);
  return row;
}

/** Photos with such a request, by id, a page at a time. */
export async function listReproducingPhotos(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<{ id: string }[]> {
  return db
    .selectDistinct({ id: reproductions.photoId })
    .from(reproductions)
    .where(
      and(live, params.afterId === null ? undefined : gt(reproductions.photoId, params.afterId)),
    )
    .orderBy(asc(reproductions.photoId))
    .limit(params.limit);
}

/** Opens the next batch, unless one is open. */
export async function openReproductionBatch(
  db: Db,
  params: { id: string; backend: string },
): Promise<void> {
  const number = sql`${reproductions.batches} + 1`;
  await db
    .update(reproductions)
    .set({
      batches: number,
      batchId: sql`${reproductions.id}::text || '-' || (${number})::text`,
      backend: params.backend,
    })
    .where(and(eq(reproductions.id, params.id), isNull(reproductions.batchId)));
}

/** Closes a batch that will not produce an image, so that another one can be opened. */
export async function closeReproductionBatch(db: Db, batchId: string): Promise<void> {
  const none = { batchId: null, sourceImageName: null, postedAt: null, acceptedAt: null };
  await db
    .update(reproductions)
    .set({ ...none, imageNames: {}, imageName: null })
    .where(and(eq(reproductions.batchId, batchId), isNull(reproductions.judgedAt)));
}

/** Records the image of an open batch. */
export async function noteReproducedImage(
  db: Db,
  params: { batchId: string; imageName: string | null },
): Promise<void> {
  await db
    .update(reproductions)
    .set({ imageName: params.imageName })
    .where(and(eq(reproductions.batchId, params.batchId), isNull(reproductions.judgedAt)));
}

/** Writes the verdict to the photo; does nothing when the request has one. */
export async function judgeReproduction(
  db: Db,
  params: { id: string; verdict: Reproduction; now: Date },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [judged] = await tx
      .update(reproductions)
      .set({ judgedAt: params.now })
      .where(and(eq(reproductions.id, params.id), isNull(reproductions.judgedAt)))
      .returning({ photoId: reproductions.photoId });
    if (!judged) return;
    const [photo] = await tx
      .update(photos)
      .set({ reproduction: params.verdict })
      .where(and(eq(photos.id, judged.photoId), isNull(photos.purgedAt)))
      .returning({ id: photos.id, sessionId: photos.sessionId, stepId: photos.stepId });
    if (!photo) return;
    const { verdict } = params.verdict;
    await insertEvents(tx, [
      {
        type: "photo.reproduced",
        sessionId: photo.sessionId,
        data: { photo_id: photo.id, step_id: photo.stepId, verdict },
      },
    ]);
  });
}

/** The request's image was deleted on InvokeAI, or its deletion was given up. */
export async function forgetReproducedImage(db: Db, id: string): Promise<void> {
  await db.update(reproductions).set({ imageName: null }).where(eq(reproductions.id, id));
}
