import { and, asc, eq, inArray, isNull, max, ne, sql } from "drizzle-orm";
import type { Tx } from "../../client";
import { albumPhotos, albums } from "../../schema/albums";
import { photos } from "../../schema/photos";

/** Between neighbours, so that a photo can be inserted without changing other rows. */
const rankGap = 1_048_576;

/** Locks an album until the transaction ends, so that changes of its order are serial. False when it does not exist. */
export async function lockAlbum(tx: Tx, albumId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: albums.id })
    .from(albums)
    .where(eq(albums.id, albumId))
    .for("update");
  return rows.length === 1;
}

/**
 * The ids of those photos that exist and are not in the trash. They cannot be deleted until the transaction ends.
 * Call it before `lockAlbum`: a deletion locks photo and album in the same order.
 */
export async function holdPresentPhotos(tx: Tx, photoIds: string[]): Promise<string[]> {
  if (photoIds.length === 0) return [];
  const rows = await tx
    .select({ id: photos.id })
    .from(photos)
    .where(and(inArray(photos.id, photoIds), isNull(photos.deletedAt)))
    .orderBy(asc(photos.id))
    .for("key share");
  return rows.map((row) => row.id);
}

/** Appends photos to an album in this order; those already in it do not move. The caller holds the album's lock. */
export async function addAlbumPhotos(
  tx: Tx,
  params: { albumId: string; photoIds: string[] },
): Promise<void> {
  const { albumId, photoIds } = params;
  if (photoIds.length === 0) return;
  const [last] = await tx
    .select({ rank: max(albumPhotos.rank) })
    .from(albumPhotos)
    .where(eq(albumPhotos.albumId, albumId));
  const start = last?.rank ?? 0;
  await tx
    .insert(albumPhotos)
    .values(photoIds.map((photoId, at) => ({ albumId, photoId, rank: start + (at + 1) * rankGap })))
    .onConflictDoNothing();
}

/**
 * Appends a photo to an album unless it is in it. Does nothing when the album was deleted meanwhile.
 * Call it after the transaction has written its other rows.
 */
export async function appendToAlbum(
  tx: Tx,
  { albumId, photoId }: { albumId: string; photoId: string },
): Promise<void> {
  if (await lockAlbum(tx, albumId)) await addAlbumPhotos(tx, { albumId, photoIds: [photoId] });
}

/** Removes photos from an album; those not in it are ignored. */
export async function removeAlbumPhotos(
  tx: Tx,
  params: { albumId: string; photoIds: string[] },
): Promise<void> {
  await tx
    .delete(albumPhotos)
    .where(
      and(eq(albumPhotos.albumId, params.albumId), inArray(albumPhotos.photoId, params.photoIds)),
    );
}

/** The condition: later in the album's order than this rank and id. */
export function behind({ rank, id }: { rank: number; id: string }) {
  return sql`(${albumPhotos.rank}, ${albumPhotos.photoId}) > (${rank}::bigint, ${id}::uuid)`;
}

/** A photo's rank in an album; undefined when it is not in it. */
export async function findRank(
  tx: Tx,
  params: { albumId: string; photoId: string },
): Promise<number | undefined> {
  const [row] = await tx
    .select({ rank: albumPhotos.rank })
    .from(albumPhotos)
    .where(and(eq(albumPhotos.albumId, params.albumId), eq(albumPhotos.photoId, params.photoId)));
  return row?.rank;
}

/** `after`: the photo of the album to put it behind; null: to the front. */
type Move = { albumId: string; photoId: string; after: { photoId: string; rank: number } | null };

/**
 * Moves a photo behind another, or to the front. Writes one row as long as there is a free rank.
 * The caller holds the album's lock, and both photos are in it.
 */
export async function moveAlbumPhoto(tx: Tx, move: Move): Promise<void> {
  const rank = (await rankBehind(tx, move)) ?? (await spreadAndRank(tx, move));
  await tx
    .update(albumPhotos)
    .set({ rank })
    .where(and(eq(albumPhotos.albumId, move.albumId), eq(albumPhotos.photoId, move.photoId)));
}

/** A free rank right behind the other photo; undefined when its next neighbour leaves no gap. */
async function rankBehind(tx: Tx, { albumId, photoId, after }: Move): Promise<number | undefined> {
  const [next] = await tx
    .select({ rank: albumPhotos.rank })
    .from(albumPhotos)
    .where(
      and(
        eq(albumPhotos.albumId, albumId),
        ne(albumPhotos.photoId, photoId),
        after === null ? undefined : behind({ rank: after.rank, id: after.photoId }),
      ),
    )
    .orderBy(asc(albumPhotos.rank), asc(albumPhotos.photoId))
    .limit(1);
  if (!next) return (after?.rank ?? 0) + rankGap;
  if (after === null) return next.rank - rankGap;
  return next.rank - after.rank > 1 ? Math.floor((after.rank + next.rank) / 2) : undefined;
}

/** Renumbers the whole album, which is rarely needed, and returns a free rank behind the other photo. */
async function spreadAndRank(tx: Tx, { albumId, after }: Move): Promise<number> {
  await tx.execute(sql`
    update album_photos as a set rank = ordered.number * ${rankGap}::bigint
    from (
      select photo_id, row_number() over (order by rank, photo_id) as number
      from album_photos where album_id = ${albumId}
    ) as ordered
    where a.album_id = ${albumId} and a.photo_id = ordered.photo_id`);
  const spread = after && (await findRank(tx, { albumId, photoId: after.photoId }));
  return (spread ?? 0) + rankGap / 2;
}
