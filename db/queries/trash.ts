import { and, asc, inArray, isNull } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { albumPhotos } from "../schema/albums";
import type { EventType } from "../schema/events";
import { type Photo, photoColumns, photos } from "../schema/photos";
import { insertEvents, type NewEvent } from "./events";

type Told = Pick<Photo, "id" | "sessionId" | "stepId">;

/** The events of photos that came or went, with the albums whose counts and covers change by it. */
export async function eventsOfPhotos(tx: Tx, type: EventType, list: Told[]): Promise<NewEvent[]> {
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

/** The photos of these ids, held in one order, so that two bulk changes at once wait rather than block each other. */
export async function lockPhotos(tx: Tx, ids: string[]): Promise<Photo[]> {
  if (ids.length === 0) return [];
  return tx
    .select(photoColumns)
    .from(photos)
    .where(and(inArray(photos.id, ids), isNull(photos.purgedAt)))
    .orderBy(asc(photos.id))
    .for("update");
}

/** Puts photos into the trash; one that is there stays there since when it was. Returns the ids of those there are. */
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

/** Takes photos out of the trash, those that are there; returns all that there are. */
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
