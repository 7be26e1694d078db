import { Context } from "@temporalio/activity";
import { backUp } from "#library/backup/back-up";
import { version } from "#version";
import { createBackupPlaces } from "#library/backup/places";
import { verifySlice } from "#library/integrity/verify";
import { ensureInstallation } from "#db/queries/installation/installation";
import type { ActivityDeps } from "../deps";
import { noteProgress, withHeartbeat } from "../heartbeat";

/** A table of millions of rows, or a large original, is written without a sign in between. */
const silenceMs = 60 * 60_000;

/** The nightly care for the library: a backup, and a comparison of originals with their hashes. */
export function createBackupActivities(deps: ActivityDeps) {
  const { config, database, storage, now } = deps;
  const { folder, keep } = config.backup;
  const places = createBackupPlaces(config);

  return {
    /** null: no folder is configured. */
    backUpLibrary: (
      _input: object,
    ): Promise<{ name: string; originals: number; missing: number } | null> =>
      withHeartbeat(async (signal) => {
        if (folder === null) return null;
        const installation = await ensureInstallation(database.db);
        const { manifest } = await backUp(
          {
            database,
            storage,
            backups: places,
            databaseUrl: config.secrets.databaseUrl,
            dataDir: config.dataDir,
            installationId: installation.id,
            galleryVersion: version,
            now,
          },
          { folder, trigger: "schedule", keep, onProgress: () => noteProgress(), signal },
        );
        const { name, originals, missing } = manifest;
        return { name, originals: originals.count, missing: missing.length };
      }, silenceMs),

    /** Reads a share of the originals; faulty ones get an event and are listed for the owner. */
    verifyOriginals: (_input: object): Promise<{ checked: number; faulty: number }> =>
      withHeartbeat(async (signal) => {
        const { log } = Context.current();
        // Without the folder it is only unknown whether a backup has the right bytes.
        const backups =
          folder === null
            ? null
            : await places.open(folder).catch((error: unknown) => {
                log.warn("the folder of backups was not read", { error });
                return null;
              });
        const work = { database, storage, now, backups, onProgress: () => noteProgress(), signal };
        const { checked, faulty } = await verifySlice(work);
        return { checked, faulty: faulty.length };
      }, silenceMs),
  };
}
