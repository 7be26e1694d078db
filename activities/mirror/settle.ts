import { eq } from "drizzle-orm";
import type { Db, Tx } from "#db/client";
import { appendToAlbum, removeAlbumPhotos } from "#db/queries/albums/album-order";
import { albumOfBoard } from "#db/queries/mirror/boards";
import {
  type MovedImage,
  noteMovedImage,
  noteSeenImage,
  type SeenImage,
} from "#db/queries/mirror/images";
import { lockPhotos } from "#db/queries/photos/trash";
import { photos } from "#db/schema/photos";
import type { GalleryImage } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";

type Deps = Pick<ActivityDeps, "database" | "newId">;
type Outcome = Pick<SeenImage, "outcome" | "photoId" | "reason">;

/** Notes an image that becomes no photo. */
export async function noteNoPhoto(
  db: Db,
  backend: string,
  image: GalleryImage,
  why: { outcome: "own" | "refused"; reason: string | null },
): Promise<void> {
  await noteSeenImage(db, seenAs(backend, image, { ...why, photoId: null }));
}

/**
 * Notes an image in the transaction that makes a photo of it: whoever sees the photo, and deletes it, finds the image noted.
 * The photo's star and album follow.
 * @returns false when the image was noted before
 */
export async function noteTaken(
  tx: Tx,
  deps: Deps,
  backend: string,
  image: GalleryImage,
  photoId: string,
): Promise<boolean> {
  const seen = seenAs(backend, image, { outcome: "taken", photoId, reason: null });
  const isNew = await noteSeenImage(tx, seen);
  if (isNew) await follow(tx, deps, backend, placedNewly(image, photoId));
  return isNew;
}

/** Notes an image whose bytes are a photo already; its star and album follow, unless the photo was deleted meanwhile. */
export async function noteKnown(
  deps: Deps,
  backend: string,
  image: GalleryImage,
  knownId: string,
): Promise<void> {
  await deps.database.db.transaction(async (tx) => {
    const isThere = await holdPhoto(tx, knownId);
    const outcome = { outcome: "known", photoId: isThere ? knownId : null, reason: null } as const;
    const isNew = await noteSeenImage(tx, seenAs(backend, image, outcome));
    if (isNew && isThere) await follow(tx, deps, backend, placedNewly(image, knownId));
  });
}

/** Notes a changed star or board; the photo follows. A change of ours stays until the next one there. */
export async function settleMove(deps: Deps, backend: string, moved: MovedImage): Promise<void> {
  await deps.database.db.transaction(async (tx) => {
    const isThere = await holdPhoto(tx, moved.photoId);
    await noteMovedImage(tx, { backend, ...moved });
    if (isThere) await follow(tx, deps, backend, moved);
  });
}

/** Locks a photo, before the rows that refer to it: as a deletion does. False when it was deleted for good. */
const holdPhoto = async (tx: Tx, id: string): Promise<boolean> =>
  (await lockPhotos(tx, [id])).length === 1;

const seenAs = (
  backend: string,
  { imageName, isStarred, boardId }: GalleryImage,
  outcome: Outcome,
): SeenImage => ({ backend, imageName, isStarred, boardId, ...outcome });

const placedNewly = (
  { imageName, isStarred, boardId }: GalleryImage,
  photoId: string,
): MovedImage => ({
  imageName,
  photoId,
  wasStarred: false,
  isStarred,
  wasOn: null,
  isOn: boardId,
});

async function follow(
  tx: Tx,
  { newId }: Pick<Deps, "newId">,
  backend: string,
  { photoId, wasStarred, isStarred, wasOn, isOn }: MovedImage,
): Promise<void> {
  if (wasStarred !== isStarred) {
    await tx.update(photos).set({ isFavorite: isStarred }).where(eq(photos.id, photoId));
  }
  if (wasOn === isOn) return;
  const albumOf = (boardId: string | null) =>
    boardId === null ? null : albumOfBoard(tx, { backend, boardId, newId: newId() });
  const left = await albumOf(wasOn);
  if (left !== null) await removeAlbumPhotos(tx, { albumId: left, photoIds: [photoId] });
  const entered = await albumOf(isOn);
  if (entered !== null) await appendToAlbum(tx, { albumId: entered, photoId });
}
