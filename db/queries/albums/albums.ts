import { eq } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Album, albums } from "../../schema/albums";

/** Inserts an album; false when the id exists already. */
export async function insertAlbum(
  db: Db | Tx,
  album: { id: string; name: string; description: string | null; coverPhotoId: string | null },
): Promise<boolean> {
  const made = await db
    .insert(albums)
    .values(album)
    .onConflictDoNothing({ target: albums.id })
    .returning({ id: albums.id });
  return made.length === 1;
}

/** Updates the given fields; false when the album does not exist. */
export async function updateAlbum(
  db: Db | Tx,
  params: {
    albumId: string;
    change: Partial<Pick<Album, "name" | "description" | "coverPhotoId">>;
    now: Date;
  },
): Promise<boolean> {
  const changed = await db
    .update(albums)
    .set({ ...params.change, updatedAt: params.now })
    .where(eq(albums.id, params.albumId))
    .returning({ id: albums.id });
  return changed.length === 1;
}

/** Deletes an album but not its photos; false when it did not exist. */
export async function deleteAlbum(db: Db, albumId: string): Promise<boolean> {
  const gone = await db.delete(albums).where(eq(albums.id, albumId)).returning({ id: albums.id });
  return gone.length === 1;
}
