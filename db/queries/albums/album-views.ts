import { and, asc, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { type Album, albumPhotos, albums } from "../../schema/albums";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { isOlder, type Page, type TimePlace } from "../page";
import { isShown } from "./album-photos";

/** An album with values computed from its photos; photos in the trash do not count. */
export type AlbumView = Album & { photoCount: number; cover: Photo | null };

/** Albums, newest first. */
export async function listAlbumViews(
  db: Db,
  params: { after: TimePlace | null } & Page,
): Promise<AlbumView[]> {
  const rows = await db
    .select()
    .from(albums)
    .where(isOlder({ at: albums.createdAt, id: albums.id }, params.after))
    .orderBy(desc(albums.createdAt), desc(albums.id))
    .limit(params.limit)
    .offset(params.offset);
  return withPhotos(db, rows);
}

export async function countAlbums(db: Db): Promise<number> {
  return db.$count(albums);
}

/** undefined when the album does not exist. */
export async function findAlbumView(db: Db, albumId: string): Promise<AlbumView | undefined> {
  const [view] = await withPhotos(db, await db.select().from(albums).where(eq(albums.id, albumId)));
  return view;
}

async function withPhotos(db: Db, rows: Album[]): Promise<AlbumView[]> {
  const ids = rows.map((album) => album.id);
  if (ids.length === 0) return [];
  const counts = await db
    .select({ albumId: albumPhotos.albumId, count: sql<number>`count(*)::int` })
    .from(albumPhotos)
    .innerJoin(photos, eq(photos.id, albumPhotos.photoId))
    .where(and(inArray(albumPhotos.albumId, ids), isNull(photos.deletedAt)))
    .groupBy(albumPhotos.albumId);
  // Uses the index on the order: an album of a hundred thousand photos is not sorted to find its first one.
  const first = db
    .select({ id: albumPhotos.photoId })
    .from(albumPhotos)
    .where(and(eq(albumPhotos.albumId, albums.id), isShown(db, { retrievedOnly: false })))
    .orderBy(asc(albumPhotos.rank), asc(albumPhotos.photoId))
    .limit(1)
    .as("first");
  const firsts = await db
    .select({ albumId: albums.id, photo: photoColumns })
    .from(albums)
    .innerJoinLateral(first, sql`true`)
    .innerJoin(photos, eq(photos.id, first.id))
    .where(inArray(albums.id, ids));
  const chosenIds = rows.map((album) => album.coverPhotoId).filter((id) => id !== null);
  const chosen =
    chosenIds.length === 0
      ? []
      : await db
          .select(photoColumns)
          .from(photos)
          .where(and(inArray(photos.id, chosenIds), isNull(photos.deletedAt)));
  return rows.map((album) => ({
    ...album,
    photoCount: counts.find((row) => row.albumId === album.id)?.count ?? 0,
    cover:
      chosen.find((photo) => photo.id === album.coverPhotoId) ??
      firsts.find((row) => row.albumId === album.id)?.photo ??
      null,
  }));
}
