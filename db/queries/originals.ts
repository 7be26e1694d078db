import { and, asc, eq, inArray, isNull } from "drizzle-orm";
import type { Db } from "../client";
import { albumPhotos } from "../schema/albums";
import { photos } from "../schema/photos";

const columns = {
  id: photos.id,
  kind: photos.kind,
  filename: photos.filename,
  mimeType: photos.mimeType,
  retrievalStatus: photos.retrievalStatus,
  shownAt: photos.shownAt,
};

/** What is needed to hand out a photo's original: little, as an album may hold a hundred thousand. */
export type Original = Awaited<ReturnType<typeof listOriginals>>[number];

/** These photos, in no order, or those of an album in its order without its trash; never one whose content is gone for good. */
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
