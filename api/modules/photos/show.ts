import type { Photo } from "#db/schema/photos";
import { getSettings } from "#db/queries/settings";
import type { ApiDeps } from "../../deps";
import { type PhotoBody, photoToWire } from "./model";

type Deps = Pick<ApiDeps, "config" | "database">;

const dayMs = 24 * 60 * 60 * 1_000;

/** Photos as their owner sees them, those in the trash with the moment from which on they are purged. */
export async function showPhotos(
  { config, database }: Deps,
  photos: readonly Photo[],
): Promise<PhotoBody[]> {
  // Hardly any list holds one: the settings are not read for the others.
  if (photos.every((photo) => photo.deletedAt === null)) return photos.map(photoToWire);
  const { "library.trash_retention_days": days } = await getSettings(database.db, config);
  return photos.map((photo) => ({
    ...photoToWire(photo),
    ...(photo.deletedAt && {
      purge_at: new Date(photo.deletedAt.getTime() + days * dayMs).toISOString(),
    }),
  }));
}

export async function showPhoto(deps: Deps, photo: Photo): Promise<PhotoBody> {
  const [shown] = await showPhotos(deps, [photo]);
  return shown!;
}
