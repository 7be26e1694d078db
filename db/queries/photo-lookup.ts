import { eq, inArray, sql } from "drizzle-orm";
import type { Db } from "../client";
import { type Photo, photos } from "../schema/photos";

/** A photo, trashed or not. */
export async function findPhotoById(db: Db, id: string): Promise<Photo | undefined> {
  const [photo] = await db.select().from(photos).where(eq(photos.id, id));
  return photo;
}

/** Which of these ids have a row, trashed ones too. */
export async function findKnownPhotoIds(db: Db, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db.select({ id: photos.id }).from(photos).where(inArray(photos.id, ids));
  return new Set(rows.map((row) => row.id));
}

/** How many photos have a row, trashed ones too. */
export async function countAllPhotos(db: Db): Promise<number> {
  const [row] = await db.select({ amount: sql<number>`count(*)::int` }).from(photos);
  return row?.amount ?? 0;
}
