import type { Config } from "#config";
import type { Db } from "#db/client";
import { countMissingMigrations } from "#db/migrations";
import { ensureInstallation } from "#db/queries/installation/installation";
import { hasPhotos } from "#db/queries/photos/photos";
import { findNewestMove } from "#db/queries/storage/storage-moves";
import type { Installation } from "#db/schema/installation";
import { claimLibrary, unfinishedRestore } from "#media/storage/library-marker";
import type { Storage } from "#media/storage/storage";
import { createTwoPlaceStorage } from "#media/storage/two-places";
import { createStoragePlaces, type StoragePlaces } from "./create-storage";
import { createPlaceReader, openPlaces, placesOf } from "./places";

/**
 * Opens the storage at the start of a process. Checks that the schema is up to date, that database and data folder
 * belong together, that the settings know where the photos are, and that no restore of them is unfinished.
 * @throws Error that says what to do
 */
export async function openLibrary(
  db: Db,
  config: Pick<Config, "dataDir" | "storage" | "s3" | "secrets">,
): Promise<{ installation: Installation; storage: Storage; places: StoragePlaces }> {
  const missing = await countMissingMigrations(db);
  if (missing > 0) {
    throw new Error(
      `The database lacks ${missing} migration${missing === 1 ? "" : "s"}; run: ./gallery migrate`,
    );
  }
  const installation = await ensureInstallation(db);
  if (installation.restoringBackupId !== null) throw unfinishedRestore();
  const places = await createStoragePlaces(config);
  const move = await findNewestMove(db);
  const names = placesOf(move, places.configured);
  const isUnreachable = names.first === "s3" || names.other === "s3" ? places.s3 === null : false;
  if (isUnreachable) {
    throw new Error(
      "The photos of this gallery are in S3, or are being moved. Set S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY; ./gallery storage status says more.",
    );
  }
  if (move?.status === "forgotten" && places.configured !== names.first) {
    throw new Error(`The photos of this gallery were moved; set STORAGE=${names.first}.`);
  }
  const opened = openPlaces(places, names);
  await claimLibrary(opened.first, installation.id, (kind) => hasPhotos(db, kind));
  // Also of the place that a later move may write to.
  for (const storage of [places.disk, places.s3]) storage?.requireMarkers(installation.id);
  const storage = createTwoPlaceStorage(createPlaceReader(db, places, opened));
  return { installation, storage, places };
}
