import { ensureInstallation } from "#db/queries/installation";
import { hasPhotos } from "#db/queries/photos";
import type { Db } from "#db/client";
import type { Installation } from "#db/schema/installation";
import { claimLibrary } from "#media/library-marker";
import type { Storage } from "#media/storage";

/**
 * Makes sure that the database and the data folder belong together.
 * @throws Error that says what to do
 */
export async function checkInstallation(db: Db, storage: Storage): Promise<Installation> {
  const installation = await ensureInstallation(db);
  await claimLibrary(storage, installation.id, () => hasPhotos(db));
  return installation;
}
