import { and, eq, isNull } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { albums } from "../../schema/albums";
import { type NewPhoto, type Photo, photoColumns, photos } from "../../schema/photos";
import { searchColumns } from "../../search/search-words";
import { appendToAlbum } from "../albums/album-order";
import { insertEvents } from "../events/events";
import { searchedFields } from "./searched";

/** Whether any photo exists, trashed or not. With `kind`: whether one of that kind has a stored file. */
export async function hasPhotos(db: Db, kind?: Photo["kind"]): Promise<boolean> {
  const ofKind = kind && and(eq(photos.kind, kind), eq(photos.retrievalStatus, "completed"));
  const rows = await db.select({ id: photos.id }).from(photos).where(ofKind).limit(1);
  return rows.length > 0;
}

/** What is written about a new photo in the transaction of its row. */
export type Alongside = (tx: Tx, photo: Photo) => Promise<void>;

/**
 * Inserts an upload's row and its event, and appends it to the album if one is given. If `alongside` throws, nothing is
 * written. Undefined when its bytes or its id exist already.
 */
export async function insertUpload(
  db: Db,
  photo: NewPhoto,
  { albumId, alongside }: { albumId?: string | undefined; alongside?: Alongside | undefined },
): Promise<Photo | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .insert(photos)
      .values({ ...photo, ...searchColumns(photo) })
      .onConflictDoNothing()
      .returning(photoColumns);
    if (!row) return undefined;
    await alongside?.(tx, row);
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

/** Undefined when the photo does not exist. */
export async function updatePhoto(
  db: Db,
  params: { id: string; change: PhotoChange },
): Promise<Photo | undefined> {
  return db.transaction(async (tx) => {
    const present = and(eq(photos.id, params.id), isNull(photos.purgedAt));
    const [before] = await tx.select(searchedFields).from(photos).where(present).for("update");
    if (!before) return undefined;
    const { change } = params;
    const isFoundOtherwise = change.title !== undefined || change.tags !== undefined;
    const [after] = await tx
      .update(photos)
      .set({ ...change, ...(isFoundOtherwise && searchColumns({ ...before, ...change })) })
      .where(eq(photos.id, params.id))
      .returning(photoColumns);
    return after;
  });
}

/** Sets a failed retrieval back to pending with zero attempts; undefined when it had not failed. */
export async function reopenRetrieval(db: Db, id: string): Promise<Photo | undefined> {
  return db.transaction(async (tx) => {
    const [photo] = await tx
      .update(photos)
      .set({ retrievalStatus: "pending", retrievalAttempts: 0, retrievalError: null })
      .where(and(eq(photos.id, id), eq(photos.retrievalStatus, "failed"), isNull(photos.purgedAt)))
      .returning(photoColumns);
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
