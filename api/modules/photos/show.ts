import type { ListedPhoto } from "#db/schema/photos";
import { getSettings } from "#db/queries/installation/settings";
import type { ApiDeps } from "../../deps";
import { type PhotoBody, photoToWire } from "./model";

type Deps = Pick<ApiDeps, "config" | "database">;

const dayMs = 24 * 60 * 60 * 1_000;

/** Photo objects for the owner; those in the trash have `purge_at`. */
export async function showPhotos(
  { config, database }: Deps,
  photos: readonly ListedPhoto[],
): Promise<PhotoBody[]> {
  // Few lists contain photos of the trash; for the others the settings are not read.
  if (photos.every((photo) => photo.deletedAt === null)) return photos.map(photoToWire);
  const { "library.trash_retention_days": days } = await getSettings(database.db, config);
  return photos.map((photo) => ({
    ...photoToWire(photo),
    ...(photo.deletedAt && {
      purge_at: new Date(photo.deletedAt.getTime() + days * dayMs).toISOString(),
    }),
  }));
}

export async function showPhoto(deps: Deps, photo: ListedPhoto): Promise<PhotoBody> {
  const [shown] = await showPhotos(deps, [photo]);
  return shown!;
}
