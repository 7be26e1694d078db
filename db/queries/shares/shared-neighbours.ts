import { and, asc, desc, eq, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { albumPhotos } from "../../schema/albums";
import { photos } from "../../schema/photos";

/** A photo among the visible ones of a shared album: its number, from 1, and its neighbours. */
export type SharedNeighbours = { number: number; previousId: string | null; nextId: string | null };

/** undefined when the photo is not in the album. */
export async function findSharedNeighbours(
  db: Db,
  params: { albumId: string; photoId: string },
): Promise<SharedNeighbours | undefined> {
  const { albumId, photoId } = params;
  const [own] = await db
    .select({ rank: albumPhotos.rank })
    .from(albumPhotos)
    .where(and(eq(albumPhotos.albumId, albumId), eq(albumPhotos.photoId, photoId)));
  if (!own) return undefined;

  const at = sql`(${own.rank}::bigint, ${photoId}::uuid)`;
  const rank = sql`(${albumPhotos.rank}, ${albumPhotos.photoId})`;
  const shown = and(
    eq(albumPhotos.albumId, albumId),
    isNull(photos.deletedAt),
    eq(photos.retrievalStatus, "completed"),
  );
  const listed = () =>
    db
      .select({ id: albumPhotos.photoId })
      .from(albumPhotos)
      .innerJoin(photos, eq(photos.id, albumPhotos.photoId))
      .$dynamic();
  const [before, [previous], [next]] = await Promise.all([
    db
      .select({ count: sql<number>`count(*)::int` })
      .from(albumPhotos)
      .innerJoin(photos, eq(photos.id, albumPhotos.photoId))
      .where(and(shown, sql`${rank} < ${at}`)),
    listed()
      .where(and(shown, sql`${rank} < ${at}`))
      .orderBy(desc(albumPhotos.rank), desc(albumPhotos.photoId))
      .limit(1),
    listed()
      .where(and(shown, sql`${rank} > ${at}`))
      .orderBy(asc(albumPhotos.rank), asc(albumPhotos.photoId))
      .limit(1),
  ]);
  return {
    number: (before[0]?.count ?? 0) + 1,
    previousId: previous?.id ?? null,
    nextId: next?.id ?? null,
  };
}
