import { claimPurge, finishPurge } from "#db/queries/purge";
import { purgePhotoFiles } from "#media/photo-files";
import type { ApiDeps } from "../../deps";

/**
 * Deletes photos for good: from every route at once, then their files. What fails behind the first turn is no failure of
 * the request: the run that empties the trash finishes it.
 * @returns the ids of those that there were
 */
export async function purgePhotos(
  { database, storage, log, now }: ApiDeps,
  ids: string[],
): Promise<Set<string>> {
  const claimed = await claimPurge(database.db, { ids, now: now() });
  const found = new Set(claimed.map((photo) => photo.id));
  try {
    for (const photo of claimed) await purgePhotoFiles(storage, photo);
    await finishPurge(database.db, [...found]);
  } catch (error) {
    log.warn({ what: "purgePhotos", photos: found.size, err: error }, "left to the next purge");
  }
  return found;
}
