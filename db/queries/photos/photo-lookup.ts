import { and, eq, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { cacheStatement } from "../../cached-statement";
import { type Photo, photoColumns, photos } from "../../schema/photos";

/** A photo, trashed or not; undefined when it was purged. */
export async function findPhotoById(db: Db | Tx, id: string): Promise<Photo | undefined> {
  const statement = cacheStatement(db, "photo", () =>
    db
      .select(photoColumns)
      .from(photos)
      .where(and(eq(photos.id, sql.placeholder("id")), isNull(photos.purgedAt)))
      .prepare("photo"),
  );
  const [photo] = await statement.execute({ id });
  return photo;
}

/** The photos with these ids, trashed or not, in any order; without purged ones. */
export async function listPhotosById(db: Db, ids: string[]): Promise<Photo[]> {
  if (ids.length === 0) return [];
  return db
    .select(photoColumns)
    .from(photos)
    .where(and(inArray(photos.id, ids), isNull(photos.purgedAt)));
}

/** Those ids whose rows may have files, trashed ones included; a finished purge has left none. */
export async function findKnownPhotoIds(db: Db, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const mayHaveFiles = or(isNull(photos.purgedAt), isNotNull(photos.mimeType));
  const rows = await db
    .select({ id: photos.id })
    .from(photos)
    .where(and(inArray(photos.id, ids), mayHaveFiles));
  return new Set(rows.map((row) => row.id));
}

/** The number of rows, including trashed and purged photos. */
export async function countAllPhotos(db: Db): Promise<number> {
  const [row] = await db.select({ amount: sql<number>`count(*)::int` }).from(photos);
  return row?.amount ?? 0;
}
