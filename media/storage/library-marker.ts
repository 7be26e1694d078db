import { areas, type PhotoKind } from "./keys";
import type { Storage } from "./storage";

/** Whether the database has photos with files, of this kind if given. */
type HasPhotos = (kind?: PhotoKind) => Promise<boolean>;

/** The marker of a data folder into which a backup is being restored. */
export const restoringMarker = (backupId: string) => `restoring ${backupId}`;

/**
 * Verifies that the data folder belongs to this installation: with another one's files, all photos would seem lost and
 * all files orphaned. An empty folder of an empty library is claimed. Afterwards the storage writes only where it
 * finds a marker: one beside the areas, and one in each, since an area may be a separate volume.
 * @throws Error whose message tells what to do
 */
export async function claimLibrary(
  storage: Storage,
  installationId: string,
  hasPhotos: HasPhotos,
): Promise<void> {
  const marker = await storage.readMarker();
  if (marker?.startsWith(restoringMarker(""))) throw unfinishedRestore();
  if (marker !== undefined && marker !== installationId) throw otherDatabase();
  if (marker === undefined) {
    if (await hasPhotos()) {
      throw new Error(
        "The database has photos but their storage is empty. Is the volume mounted, and DATA_DIR right? With STORAGE=s3: are S3_BUCKET and S3_PREFIX right?",
      );
    }
    await storage.writeMarker(installationId);
  }
  await markAreas(storage, installationId, hasPhotos);
  storage.requireMarkers(installationId);
}

/**
 * Writes a marker into each area, once. An empty area whose photos exist in the database gets none: its volume is not
 * mounted, and writes to it are refused until the volume is found at a start.
 */
async function markAreas(
  storage: Storage,
  installationId: string,
  hasPhotos: HasPhotos,
): Promise<void> {
  if (await storage.areasAreMarked()) return;
  let areAllMarked = true;
  for (const area of areas) {
    const marker = await storage.readMarker(area);
    if (marker === installationId) continue;
    if (marker !== undefined) throw otherDatabase();
    const kinds = (["uploaded", "generated"] as const).filter(
      (kind) => area === `photos/${kind}` || area === "photos/thumbnails",
    );
    const expected = await Promise.all(kinds.map((kind) => hasPhotos(kind)));
    if (expected.includes(true) && (await isEmpty(storage, area))) areAllMarked = false;
    else await storage.writeMarker(installationId, area);
  }
  if (areAllMarked) await storage.recordAreasMarked(installationId);
}

async function isEmpty(storage: Storage, prefix: string): Promise<boolean> {
  for await (const _ of storage.list(prefix)) return false;
  return true;
}

/** The error of a start on a data folder or a database whose restore is not complete. */
export function unfinishedRestore(): Error {
  return new Error(
    "A restore was not completed. Run it again to go on with it: ./gallery restore DIR",
  );
}

function otherDatabase(): Error {
  return new Error(
    "The storage of the photos belongs to another database. Set DATA_DIR (with STORAGE=s3: S3_BUCKET and S3_PREFIX) or DATABASE_URL to the ones that belong together.",
  );
}
