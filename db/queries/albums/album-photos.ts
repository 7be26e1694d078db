import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { albumPhotos } from "../../schema/albums";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import type { Page } from "../page";
import { behind } from "./album-order";

/** A photo of an album with its rank. */
export type AlbumPhoto = { photo: Photo; rank: number };

/** An album's photos in order, without those in the trash. */
export async function listAlbumPhotos(
  db: Db,
  params: {
    albumId: string;
    after: { rank: number; id: string } | null;
    /** Only photos with stored bytes. */
    retrievedOnly: boolean;
  } & Page,
): Promise<AlbumPhoto[]> {
  const { after } = params;
  // Lateral: photos are read one by one up to the limit. Before the first ANALYZE, a join would scan the whole table.
  const photo = db
    .select()
    .from(photos)
    .where(eq(photos.id, albumPhotos.photoId))
    .limit(1)
    // Under the table's own name, so that the same conditions hold for both.
    .as("photos");
  return db
    .select({ photo: photoColumns, rank: albumPhotos.rank })
    .from(albumPhotos)
    .innerJoinLateral(photo, sql`true`)
    .where(and(inAlbum(params), after === null ? undefined : behind(after)))
    .orderBy(asc(albumPhotos.rank), asc(albumPhotos.photoId))
    .limit(params.limit)
    .offset(params.offset);
}

/** The number of photos in an album; counting stops at `bound`, null: never. */
export async function countAlbumPhotos(
  db: Db,
  params: { albumId: string; retrievedOnly: boolean; bound: number | null },
): Promise<number> {
  const found = db
    .select({ one: sql`1` })
    .from(albumPhotos)
    .where(and(eq(albumPhotos.albumId, params.albumId), isShown(db, params)));
  const counted = (params.bound === null ? found : found.limit(params.bound)).as("found");
  const [row] = await db.select({ count: sql<number>`count(*)::int` }).from(counted);
  return row?.count ?? 0;
}

/**
 * Whether the photo of an album's row is visible. A scalar subquery by id alone, not a join: photos are read one by one up
 * to a limit. With more conditions than the id, each lookup would scan the whole table before the first ANALYZE.
 */
export function isShown(db: Db, params: { retrievedOnly: boolean }) {
  const value = db
    .select({ isShown: sql`${shown(params)}` })
    .from(photos)
    .where(eq(photos.id, albumPhotos.photoId));
  return sql`(${value})`;
}

function inAlbum(params: { albumId: string; retrievedOnly: boolean }) {
  return and(eq(albumPhotos.albumId, params.albumId), shown(params));
}

function shown({ retrievedOnly }: { retrievedOnly: boolean }) {
  return and(
    isNull(photos.deletedAt),
    retrievedOnly ? eq(photos.retrievalStatus, "completed") : undefined,
  );
}
