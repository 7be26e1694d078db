import { and, asc, eq, isNull, or, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { searchColumns } from "../../search/search-words";
import { appendToAlbum } from "../albums/album-order";
import type { PhotoChange } from "./photos";
import { searchedFields } from "./searched";

/**
 * The photo with these bytes, uploaded or generated, trashed or not. Of several: one that is not in the trash before one
 * that is, then an upload, then the oldest.
 */
export async function findPhotoByHash(db: Db, contentHash: string): Promise<Photo | undefined> {
  const hasBytes = eq(photos.contentHash, contentHash);
  const [photo] = await db
    .select(photoColumns)
    .from(photos)
    .where(
      // Written so that both partial indexes apply.
      or(
        and(sql`${photos.kind} = 'uploaded'`, hasBytes),
        and(sql`${photos.kind} = 'generated'`, hasBytes, isNull(photos.purgedAt)),
      ),
    )
    .orderBy(
      sql`${photos.deletedAt} is not null`,
      sql`${photos.kind} <> 'uploaded'`,
      asc(photos.createdAt),
      asc(photos.id),
    )
    .limit(1);
  return photo;
}

/**
 * Applies a repeated upload to its photo and appends the photo to an album. If `change` throws, nothing is changed.
 * Undefined when the photo was purged.
 */
export async function mergeUpload(
  db: Db,
  params: {
    id: string;
    albumId: string | undefined;
    change: (photo: { tags: string[] }) => Pick<PhotoChange, "title" | "tags">;
  },
): Promise<Photo | undefined> {
  const { id, albumId } = params;
  return db.transaction(async (tx) => {
    const present = and(eq(photos.id, id), isNull(photos.purgedAt));
    const [before] = await tx.select(searchedFields).from(photos).where(present).for("update");
    if (!before) return undefined;
    const change = params.change(before);
    const [after] = await tx
      .update(photos)
      .set({ ...change, ...searchColumns({ ...before, ...change }) })
      .where(eq(photos.id, id))
      .returning(photoColumns);
    if (albumId !== undefined) await appendToAlbum(tx, { albumId, photoId: id });
    return after;
  });
}
