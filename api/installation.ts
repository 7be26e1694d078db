import { ensureInstallation } from "#db/queries/installation";
import { hasPhotos } from "#db/queries/photos";
import type { Db } from "#db/client";
import type { Installation } from "#db/schema/installation";
import type { Storage } from "#media/storage";

/**
 * Makes sure that the database and the data folder belong together: with another's files every photo
 * would look lost, and every file like rubbish.
 * @throws Error that says what to do
 */
export async function checkInstallation(db: Db, storage: Storage): Promise<Installation> {
  const installation = await ensureInstallation(db);
  const marker = await storage.readMarker();
  if (marker === installation.id) return installation;
  if (marker !== undefined) {
    throw new Error(
      "The data folder belongs to another database. Set DATA_DIR or DATABASE_URL to the ones that belong together.",
    );
  }
  if (await hasPhotos(db)) {
    throw new Error(
      "The database knows photos but the data folder is empty. Is the volume mounted, and DATA_DIR right?",
    );
  }
  await storage.writeMarker(installation.id);
  return installation;
}
