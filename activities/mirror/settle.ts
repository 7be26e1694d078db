import { eq } from "drizzle-orm";
import type { Tx } from "#db/client";
import { appendToAlbum, removeAlbumPhotos } from "#db/queries/albums/album-order";
import { albumOfBoard } from "#db/queries/mirror/boards";
import { type MovedImage, noteMovedImage, noteSeenImage } from "#db/queries/mirror/images";
import { photos } from "#db/schema/photos";
import type { GalleryImage } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import type { Taken } from "./take-image";

type Deps = Pick<ActivityDeps, "database" | "newId">;

/** Notes what became of an image; the photo's star and album follow in the same transaction. */
export async function settleImage(
  deps: Deps,
  backend: string,
  image: GalleryImage,
  taken: Taken,
): Promise<void> {
  const { imageName, isStarred, boardId } = image;
  const { photoId } = taken;
  const { db } = deps.database;
  const seen = { backend, imageName, isStarred, boardId, ...taken };
  if (photoId === null || (!isStarred && boardId === null)) {
    await noteSeenImage(db, seen);
    return;
  }
  await db.transaction(async (tx) => {
    if (!(await noteSeenImage(tx, seen))) return;
    const moved = { wasStarred: false, isStarred, wasOn: null, isOn: boardId };
    await follow(tx, deps, backend, { imageName, photoId, ...moved });
  });
}

/** Notes a changed star or board; the photo follows. A change of ours stays until the next one there. */
export async function settleMove(deps: Deps, backend: string, moved: MovedImage): Promise<void> {
  await deps.database.db.transaction(async (tx) => {
    await noteMovedImage(tx, { backend, ...moved });
    await follow(tx, deps, backend, moved);
  });
}

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
