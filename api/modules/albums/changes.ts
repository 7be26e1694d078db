import type { ApiDeps } from "../../deps";
import type { Tx } from "#db/client";
import {
  addAlbumPhotos,
  findRank,
  holdPresentPhotos,
  lockAlbum,
  moveAlbumPhoto,
  removeAlbumPhotos,
} from "#db/queries/albums/album-order";
import { updateAlbum } from "#db/queries/albums/albums";
import { AppError, invalid, notFound } from "#errors";
import { distinctIds } from "../../fields/ids";
import { tidyTitle } from "../../fields/text";

type Deps = Pick<ApiDeps, "database" | "now">;

/** @throws AppError validation_error when the name is blank */
export function tidyName(given: string): string {
  const name = tidyTitle(given);
  if (name !== null) return name;
  throw invalid("An album needs a name.", [{ path: "name", message: "1 to 200 characters" }]);
}

/**
 * Makes sure that photos exist and are not in the trash, and that none is deleted until the transaction ends.
 * @throws AppError not_found when one is missing; `path` is their field in the body
 */
export async function holdPhotos(tx: Tx, photoIds: string[], path: string): Promise<void> {
  const present = new Set(await holdPresentPhotos(tx, photoIds));
  const missing = photoIds.filter((id) => !present.has(id.toLowerCase()));
  if (missing.length === 0) return;
  throw new AppError({
    kind: "not_found",
    code: "not_found",
    message: "A photo named in the request does not exist or is in the trash; nothing was changed.",
    details: { path, missing },
  });
}

/** Adds photos at the end of the album, each once. If one does not exist, none is added. */
export async function addPhotos(deps: Deps, albumId: string, given: string[]): Promise<void> {
  const photoIds = distinctIds(given);
  await deps.database.db.transaction(async (tx) => {
    await holdPhotos(tx, photoIds, "photo_ids");
    await changeOrder(deps, tx, albumId, () => addAlbumPhotos(tx, { albumId, photoIds }));
  });
}

export async function removePhotos(deps: Deps, albumId: string, photoIds: string[]): Promise<void> {
  await deps.database.db.transaction((tx) =>
    changeOrder(deps, tx, albumId, () => removeAlbumPhotos(tx, { albumId, photoIds })),
  );
}

/** Moves a photo behind another one of the album; null: to the front. */
export async function movePhoto(
  deps: Deps,
  params: { albumId: string; photoId: string; afterPhotoId: string | null },
): Promise<void> {
  const { albumId, photoId, afterPhotoId } = params;
  await deps.database.db.transaction((tx) =>
    changeOrder(deps, tx, albumId, async () => {
      if ((await findRank(tx, { albumId, photoId })) === undefined) throw notFound("photo");
      if (afterPhotoId === photoId) return;
      if (afterPhotoId === null) return moveAlbumPhoto(tx, { albumId, photoId, after: null });
      const rank = await findRank(tx, { albumId, photoId: afterPhotoId });
      if (rank === undefined) throw notInAlbum();
      await moveAlbumPhoto(tx, { albumId, photoId, after: { photoId: afterPhotoId, rank } });
    }),
  );
}

function notInAlbum(): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: "The photo of after_photo_id is not in this album; name one that is.",
    details: { path: "after_photo_id" },
  });
}

async function changeOrder(
  { now }: Deps,
  tx: Tx,
  albumId: string,
  change: () => Promise<void>,
): Promise<void> {
  if (!(await lockAlbum(tx, albumId))) throw notFound("album");
  await change();
  await updateAlbum(tx, { albumId, change: {}, now: now() });
}
