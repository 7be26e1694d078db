import { and, asc, inArray, isNull } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { albumPhotos } from "../../schema/albums";
import type { NewEvent } from "../../schema/events";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { insertEvents } from "../events/events";

type EventPhoto = Pick<Photo, "id" | "sessionId" | "stepId">;

/** Events for photos that were trashed, restored or purged, with the albums whose counts and covers this changes. */
export async function eventsOfPhotos<
  Type extends "photo.trashed" | "photo.restored" | "photo.purged",
>(tx: Tx, type: Type, list: EventPhoto[]): Promise<NewEvent<Type>[]> {
  if (list.length === 0) return [];
  const ids = list.map((photo) => photo.id);
  const held = await tx.select().from(albumPhotos).where(inArray(albumPhotos.photoId, ids));
  const albumsOf = Map.groupBy(held, (row) => row.photoId);
  return list.map((photo) => ({
    type,
    sessionId: photo.sessionId,
    data: {
      photo_id: photo.id,
      step_id: photo.stepId,
      album_ids: (albumsOf.get(photo.id) ?? []).map((row) => row.albumId),
    },
  }));
}

/** The photos with these ids, locked in a fixed order, so that two concurrent bulk changes cannot deadlock. */
export async function lockPhotos(tx: Tx, ids: string[]): Promise<Photo[]> {
  if (ids.length === 0) return [];
  return tx
    .select(photoColumns)
    .from(photos)
    .where(and(inArray(photos.id, ids), isNull(photos.purgedAt)))
    .orderBy(asc(photos.id))
    .for("update");
}

/** Moves photos to the trash; one that is in it keeps its time. Returns the ids that exist. */
export async function trashPhotos(
  db: Db,
  params: { ids: string[]; now: Date },
): Promise<Set<string>> {
  return db.transaction(async (tx) => {
    const found = await lockPhotos(tx, params.ids);
    const shown = found.filter((photo) => photo.deletedAt === null);
    await setDeletedAt(tx, shown, params.now);
    await insertEvents(tx, await eventsOfPhotos(tx, "photo.trashed", shown));
    return new Set(found.map((photo) => photo.id));
  });
}

/** Restores photos from the trash; returns all that exist, also those that were not in it. */
export async function restorePhotos(db: Db, ids: string[]): Promise<Photo[]> {
  return db.transaction(async (tx) => {
    const found = await lockPhotos(tx, ids);
    const trashed = found.filter((photo) => photo.deletedAt !== null);
    await setDeletedAt(tx, trashed, null);
    await insertEvents(tx, await eventsOfPhotos(tx, "photo.restored", trashed));
    return found.map((photo) => ({ ...photo, deletedAt: null }));
  });
}

async function setDeletedAt(tx: Tx, list: Photo[], deletedAt: Date | null): Promise<void> {
  if (list.length === 0) return;
  const ids = list.map((photo) => photo.id);
  await tx.update(photos).set({ deletedAt }).where(inArray(photos.id, ids));
}
