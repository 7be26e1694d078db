import { and, asc, desc, eq, inArray, isNull, max, ne, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type Album, albumPhotos, albums } from "../schema/albums";
import { type Photo, photoColumns, photos } from "../schema/photos";

/** Between two neighbours, so that a photo can be put between them without touching either. */
const rankGap = 1_048_576;

/** An album with what its photos say of it; photos in the trash do not count. */
export type AlbumView = Album & { photoCount: number; cover: Photo | null };

export type Page = { limit: number; offset: number };

/** Albums, newest first. */
export async function listAlbumViews(
  db: Db,
  params: { after: { at: Date; id: string } | null } & Page,
): Promise<AlbumView[]> {
  const { after } = params;
  const rows = await db
    .select()
    .from(albums)
    .where(
      after === null
        ? undefined
        : sql`(${albums.createdAt}, ${albums.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`,
    )
    .orderBy(desc(albums.createdAt), desc(albums.id))
    .limit(params.limit)
    .offset(params.offset);
  return withPhotos(db, rows);
}

export async function countAlbums(db: Db): Promise<number> {
  return db.$count(albums);
}

/** undefined when there is no such album. */
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
  // By the index on the order: an album of a hundred thousand photos is not sorted for the sake of one.
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

/** Writes an album; false when there is one of this id already. */
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

/** Changes what is given; false when there is no such album. */
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

/** Deletes an album, never its photos; false when there was none. */
export async function deleteAlbum(db: Db, albumId: string): Promise<boolean> {
  const gone = await db.delete(albums).where(eq(albums.id, albumId)).returning({ id: albums.id });
  return gone.length === 1;
}

/** Holds an album until the transaction ends: its order is changed one at a time. False when there is none. */
export async function lockAlbum(tx: Tx, albumId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: albums.id })
    .from(albums)
    .where(eq(albums.id, albumId))
    .for("update");
  return rows.length === 1;
}

/**
 * Which of these photos there are; those in the trash are left out. None of them can be deleted until the
 * transaction ends. Goes before `lockAlbum`: who deletes a photo takes photo and album in this order, too.
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

/** Puts photos at the album's end, in this order; those in it already stay where they are. The album is locked by the caller. */
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
 * Makes a photo the last of an album; nothing happens when it is in there. An album deleted meanwhile takes
 * nothing with it but itself. Other rows of the transaction come before.
 */
export async function appendToAlbum(
  tx: Tx,
  { albumId, photoId }: { albumId: string; photoId: string },
): Promise<void> {
  if (await lockAlbum(tx, albumId)) await addAlbumPhotos(tx, { albumId, photoIds: [photoId] });
}

/** Takes photos out of an album; those not in it are fine. */
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

/** A photo of an album with its place in it. */
export type AlbumPhoto = { photo: Photo; rank: number };

/** An album's photos in its order, without those in the trash. */
export async function listAlbumPhotos(
  db: Db,
  params: {
    albumId: string;
    after: { rank: number; id: string } | null;
    /** Only those whose bytes are there. */
    retrievedOnly: boolean;
  } & Page,
): Promise<AlbumPhoto[]> {
  const { after } = params;
  // In the album's order, each photo by its id, up to the limit: a library that was not analysed yet would be read whole.
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

/** Later in the album's order than a place in it. */
function behind({ rank, id }: { rank: number; id: string }) {
  return sql`(${albumPhotos.rank}, ${albumPhotos.photoId}) > (${rank}::bigint, ${id}::uuid)`;
}

/** How many photos an album has; counting stops at `bound`, or never when it is null. */
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
 * Whether the photo at a place is shown. A value found by its id alone, and no join: photo by photo up to a limit. With
 * its conditions beside the id, a library that was not analysed yet would be read whole for each photo.
 */
function isShown(db: Db, params: { retrievedOnly: boolean }) {
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

/** Where a photo stands in an album; undefined when it is not in it. */
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

/** Where a photo is put: behind another one of the album, or null: to the front. */
type Move = { albumId: string; photoId: string; after: { photoId: string; rank: number } | null };

/**
 * Moves a photo behind another, or to the front; one row is written as long as there is room between two ranks.
 * The album is locked by the caller and holds both.
 */
export async function moveAlbumPhoto(tx: Tx, move: Move): Promise<void> {
  const rank = (await rankBehind(tx, move)) ?? (await spreadAndRank(tx, move));
  await tx
    .update(albumPhotos)
    .set({ rank })
    .where(and(eq(albumPhotos.albumId, move.albumId), eq(albumPhotos.photoId, move.photoId)));
}

/** A free rank right behind the other photo; undefined when its neighbour leaves no room. */
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

/** Rare: gives every photo of the album a new rank, and the place behind the other photo its room. */
async function spreadAndRank(tx: Tx, { albumId, after }: Move): Promise<number> {
  await tx.execute(sql`
    update album_photos as a set rank = ordered.place * ${rankGap}::bigint
    from (
      select photo_id, row_number() over (order by rank, photo_id) as place
      from album_photos where album_id = ${albumId}
    ) as ordered
    where a.album_id = ${albumId} and a.photo_id = ordered.photo_id`);
  const spread = after && (await findRank(tx, { albumId, photoId: after.photoId }));
  return (spread ?? 0) + rankGap / 2;
}
