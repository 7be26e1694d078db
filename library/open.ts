import type { Config } from "#config";
import type { Db } from "#db/client";
import { countMissingMigrations } from "#db/migrations";
import { ensureInstallation } from "#db/queries/installation/installation";
import { hasPhotos } from "#db/queries/photos/photos";
import type { Installation } from "#db/schema/installation";
import { createStorage } from "./create-storage";
import { claimLibrary, unfinishedRestore } from "#media/storage/library-marker";
import type { Storage } from "#media/storage/storage";

/**
 * Opens the storage at the start of a process. Checks that the schema is up to date, that database and data folder
 * belong together, and that no restore of them is unfinished.
 * @throws Error that says what to do
 */
export async function openLibrary(
  db: Db,
  config: Pick<Config, "dataDir" | "s3" | "secrets">,
): Promise<{ installation: Installation; storage: Storage }> {
  const missing = await countMissingMigrations(db);
  if (missing > 0) {
    throw new Error(
      `The database lacks ${missing} migration${missing === 1 ? "" : "s"}; run: ./gallery migrate`,
    );
  }
  const installation = await ensureInstallation(db);
  if (installation.restoringBackupId !== null) throw unfinishedRestore();
  const storage = await createStorage(config);
  await claimLibrary(storage, installation.id, (kind) => hasPhotos(db, kind));
  return { installation, storage };
}
