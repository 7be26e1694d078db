import { and, eq, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type Photo, photoColumns, photos } from "../schema/photos";

/** A photo, trashed or not; one that was purged is none. */
export async function findPhotoById(db: Db | Tx, id: string): Promise<Photo | undefined> {
  const [photo] = await db
    .select(photoColumns)
    .from(photos)
    .where(and(eq(photos.id, id), isNull(photos.purgedAt)));
  return photo;
}

/** The photos of these ids, trashed or not, in no order; of one that was purged nothing. */
export async function listPhotosById(db: Db, ids: string[]): Promise<Photo[]> {
  if (ids.length === 0) return [];
  return db
    .select(photoColumns)
    .from(photos)
    .where(and(inArray(photos.id, ids), isNull(photos.purgedAt)));
}

/** Which of these ids have a row that may have files, trashed ones too; a finished purge leaves none. */
export async function findKnownPhotoIds(db: Db, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const mayHaveFiles = or(isNull(photos.purgedAt), isNotNull(photos.mimeType));
  const rows = await db
    .select({ id: photos.id })
    .from(photos)
    .where(and(inArray(photos.id, ids), mayHaveFiles));
  return new Set(rows.map((row) => row.id));
}

/** How many photos have a row, trashed ones too. */
export async function countAllPhotos(db: Db): Promise<number> {
  const [row] = await db.select({ amount: sql<number>`count(*)::int` }).from(photos);
  return row?.amount ?? 0;
}
