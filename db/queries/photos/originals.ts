import { and, asc, eq, inArray, isNull } from "drizzle-orm";
import type { Db } from "../../client";
import { albumPhotos } from "../../schema/albums";
import { photos } from "../../schema/photos";

const columns = {
  id: photos.id,
  kind: photos.kind,
  filename: photos.filename,
  mimeType: photos.mimeType,
  retrievalStatus: photos.retrievalStatus,
  shownAt: photos.shownAt,
};

/** The columns needed to send an original; few, as an album may hold a hundred thousand photos. */
export type Original = Awaited<ReturnType<typeof listOriginals>>[number];

/** These photos in any order, or an album's in its order without those in the trash; never purged ones. */
export async function listOriginals(db: Db, wanted: { ids: string[] } | { albumId: string }) {
  if ("ids" in wanted) {
    return db
      .select(columns)
      .from(photos)
      .where(and(inArray(photos.id, wanted.ids), isNull(photos.purgedAt)));
  }
  return db
    .select(columns)
    .from(albumPhotos)
    .innerJoin(photos, eq(photos.id, albumPhotos.photoId))
    .where(and(eq(albumPhotos.albumId, wanted.albumId), isNull(photos.deletedAt)))
    .orderBy(asc(albumPhotos.rank), asc(albumPhotos.photoId));
}
