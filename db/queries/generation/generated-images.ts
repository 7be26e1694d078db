import { and, asc, desc, eq, gte, isNull, sql, type SQL } from "drizzle-orm";
import type { Db } from "../../client";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { isOlder, type Page, type TimePlace } from "../page";

/** The images of a step in the order of their seeds, without those in the trash. */
export async function listStepImages(db: Db, stepId: string): Promise<Photo[]> {
  return db
    .select(photoColumns)
    .from(photos)
    .where(and(eq(photos.stepId, stepId), isNull(photos.deletedAt)))
    .orderBy(asc(photos.slotIndex));
}

export type ImageFilter = {
  batchId: string | null;
  correlationId: string | null;
  since: Date | null;
};

function imagesWhere(filter: ImageFilter): SQL | undefined {
  // An image comes from the latest attempt for its slot: an attempt requests only missing images.
  const ofBatch = sql`exists (
    select from attempts a
    where a.batch_id = ${filter.batchId} and a.step_id = ${photos.stepId}
      and ${photos.slotIndex} = any(a.slot_indexes)
      and not exists (
        select from attempts b
        where b.step_id = a.step_id and b.number > a.number and ${photos.slotIndex} = any(b.slot_indexes)))`;
  const ofCorrelation = sql`exists (
    select from steps s where s.id = ${photos.stepId} and s.correlation_id = ${filter.correlationId}::uuid)`;
  return and(
    eq(photos.kind, "generated"),
    isNull(photos.deletedAt),
    filter.batchId === null ? undefined : ofBatch,
    filter.correlationId === null ? undefined : ofCorrelation,
    filter.since === null ? undefined : gte(photos.createdAt, filter.since),
  );
}

/** Generated images, newest first. */
export async function listGeneratedImages(
  db: Db,
  params: { filter: ImageFilter; after: TimePlace | null } & Page,
): Promise<Photo[]> {
  return db
    .select(photoColumns)
    .from(photos)
    .where(
      and(
        imagesWhere(params.filter),
        isOlder({ at: photos.createdAt, id: photos.id }, params.after),
      ),
    )
    .orderBy(desc(photos.createdAt), desc(photos.id))
    .limit(params.limit)
    .offset(params.offset);
}

/** Their number; counting stops at `bound`, null: never. */
export async function countGeneratedImages(
  db: Db,
  params: { filter: ImageFilter; bound: number | null },
): Promise<number> {
  const found = db.select({ id: photos.id }).from(photos).where(imagesWhere(params.filter));
  const counted = params.bound === null ? found : found.limit(params.bound);
  const [row] = await db.select({ count: sql<number>`count(*)::int` }).from(counted.as("found"));
  return row?.count ?? 0;
}
