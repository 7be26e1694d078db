import { and, desc, asc, eq, gte, isNotNull, isNull, lt, sql, type SQL } from "drizzle-orm";
import type { Db } from "../client";
import { albumPhotos, albums } from "../schema/albums";
import { type NewPhoto, type Photo, type PhotoKind, photos } from "../schema/photos";
import { searchColumns } from "../search-words";
import { appendToAlbum } from "./albums";
import { insertEvents } from "./events";

/** Is there any photo at all, in the trash or not? */
export async function hasPhotos(db: Db): Promise<boolean> {
  const rows = await db.select({ id: photos.id }).from(photos).limit(1);
  return rows.length > 0;
}

/** The upload with these bytes, also one in the trash. */
export async function findUploadByHash(db: Db, contentHash: string): Promise<Photo | undefined> {
  const [photo] = await db
    .select()
    .from(photos)
    .where(and(eq(photos.kind, "uploaded"), eq(photos.contentHash, contentHash)));
  return photo;
}

export type PhotoFilter = {
  kind?: PhotoKind | undefined;
  sessionId?: string | undefined;
  stepId?: string | undefined;
  albumId?: string | undefined;
  isFavorite?: boolean | undefined;
  /** Created then or later. */
  since?: Date | undefined;
  /** Created before. */
  until?: Date | undefined;
  isTrashed: boolean;
};

export type PhotoOrder = "newest" | "oldest";

/**
 * A page of photos by time of creation, ties by id; from `after` on, or from `offset`. Prepared, as the query that
 * is asked most: a connection sends it in one turn instead of two.
 */
export async function listPhotos(
  db: Db,
  params: {
    filter: PhotoFilter;
    order: PhotoOrder;
    limit: number;
    offset?: number;
    after?: { createdAt: string; id: string };
  },
): Promise<Photo[]> {
  const { order, after } = params;
  const beyond = after && (order === "newest" ? sql`<` : sql`>`);
  const place =
    after &&
    sql`(${photos.createdAt}, ${photos.id}) ${beyond} (${after.createdAt}::timestamptz, ${after.id}::uuid)`;
  const direction = order === "newest" ? desc : asc;
  return db
    .select()
    .from(photos)
    .where(and(matching(params.filter), place))
    .orderBy(direction(photos.createdAt), direction(photos.id))
    .limit(params.limit)
    .offset(params.offset ?? 0)
    .prepare("photos_page")
    .execute();
}

/** How many photos match; counts no further than `bound`, where one is given. */
export async function countPhotos(
  db: Db,
  params: { filter: PhotoFilter; bound?: number },
): Promise<number> {
  const found = db
    .select({ one: sql`1` })
    .from(photos)
    .where(matching(params.filter));
  const counted = (params.bound === undefined ? found : found.limit(params.bound)).as("found");
  const [row] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(counted)
    .prepare("photos_count")
    .execute();
  return row?.count ?? 0;
}

function matching(filter: PhotoFilter): SQL | undefined {
  return and(
    filter.isTrashed ? isNotNull(photos.deletedAt) : isNull(photos.deletedAt),
    filter.kind && eq(photos.kind, filter.kind),
    filter.sessionId === undefined ? undefined : eq(photos.sessionId, filter.sessionId),
    filter.stepId === undefined ? undefined : eq(photos.stepId, filter.stepId),
    filter.isFavorite === undefined ? undefined : eq(photos.isFavorite, filter.isFavorite),
    filter.since && gte(photos.createdAt, filter.since),
    filter.until && lt(photos.createdAt, filter.until),
    filter.albumId === undefined
      ? undefined
      : sql`exists (select 1 from ${albumPhotos} where ${albumPhotos.albumId} = ${filter.albumId} and ${albumPhotos.photoId} = ${photos.id})`,
  );
}

/**
 * Writes an upload's row and tells of it; undefined when its bytes or its id are there already. With
 * an album it becomes the last photo there.
 */
export async function insertUpload(
  db: Db,
  photo: NewPhoto,
  albumId: string | undefined,
): Promise<Photo | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .insert(photos)
      .values({ ...photo, ...searchColumns(photo) })
      .onConflictDoNothing()
      .returning();
    if (!row) return undefined;
    if (albumId !== undefined) await appendToAlbum(tx, { albumId, photoId: row.id });
    await insertEvents(tx, [
      { type: "photo.created", sessionId: null, data: { photo_id: row.id } },
    ]);
    return row;
  });
}

export async function albumExists(db: Db, id: string): Promise<boolean> {
  const rows = await db.select({ id: albums.id }).from(albums).where(eq(albums.id, id));
  return rows.length === 1;
}

export type PhotoChange = Partial<Pick<NewPhoto, "title" | "tags" | "isFavorite" | "rating">>;

/** Undefined when there is no such photo. */
export async function updatePhoto(
  db: Db,
  params: { id: string; change: PhotoChange },
): Promise<Photo | undefined> {
  return db.transaction(async (tx) => {
    const [before] = await tx.select().from(photos).where(eq(photos.id, params.id)).for("update");
    if (!before) return undefined;
    const { change } = params;
    const [after] = await tx
      .update(photos)
      .set({ ...change, ...searchColumns({ ...before, ...change }) })
      .where(eq(photos.id, params.id))
      .returning();
    return after;
  });
}

/** Puts a photo into the trash; one that is there stays there since when it was. False: no such photo. */
export async function trashPhoto(db: Db, params: { id: string; at: Date }): Promise<boolean> {
  const rows = await db
    .update(photos)
    .set({ deletedAt: sql`coalesce(${photos.deletedAt}, ${params.at.toISOString()}::timestamptz)` })
    .where(eq(photos.id, params.id))
    .returning({ id: photos.id });
  return rows.length === 1;
}

/** Takes a photo out of the trash, where it is there; undefined: no such photo. */
export async function restorePhoto(db: Db, id: string): Promise<Photo | undefined> {
  const [photo] = await db
    .update(photos)
    .set({ deletedAt: null })
    .where(eq(photos.id, id))
    .returning();
  return photo;
}

/** Removes a row and tells what it was; its files go afterwards. */
export async function deletePhoto(db: Db, id: string): Promise<Photo | undefined> {
  const [photo] = await db.delete(photos).where(eq(photos.id, id)).returning();
  return photo;
}

/** Puts failed retrievals back to pending, attempts counted from zero; returns those that were. */
export async function reopenRetrieval(db: Db, id: string): Promise<Photo | undefined> {
  return db.transaction(async (tx) => {
    const [photo] = await tx
      .update(photos)
      .set({ retrievalStatus: "pending", retrievalAttempts: 0, retrievalError: null })
      .where(and(eq(photos.id, id), eq(photos.retrievalStatus, "failed")))
      .returning();
    if (!photo) return undefined;
    await insertEvents(tx, [
      {
        type: "photo.retrieval_retried",
        sessionId: photo.sessionId,
        data: { photo_id: photo.id, step_id: photo.stepId },
      },
    ]);
    return photo;
  });
}
