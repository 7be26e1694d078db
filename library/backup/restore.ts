import { applyMigrations, knowsMigration, listKnownTables, migrateTo } from "#db/migrations";
import { loadTables } from "#db/backup/load";
import { dropUnused, examineTarget } from "#db/backup/target";
import { settleRestored } from "#db/queries/backups/backups";
import { endRestore, markRestore } from "#db/queries/installation/restoring";
import { deleteMoves } from "#db/queries/storage/storage-moves";
import { listPhotosById } from "#db/queries/photos/photo-lookup";
import { noteChecks } from "#db/queries/photos/original-checks";
import { AppError } from "#errors";
import type { BackupReader } from "#media/backup/reader";
import type { BackupStore } from "#media/backup/store";
import { areas } from "#media/storage/keys";
import { restoringMarker } from "#media/storage/library-marker";
import { purgeByIds } from "../purge";
import { type BackupFaults, findDamagedFiles } from "./check";
import { countsOf } from "./counts";
import { restoreDataFiles } from "./data-files";
import type { RestoreDeps, RestoreOptions } from "./job";
import { checkDataFolder } from "./restore-target";
import { restoreOriginals } from "./restore-originals";

/**
 * Restores a backup into an empty database and an empty data folder, or goes on with its own interrupted restore. Until it is
 * complete, both carry a mark with which no program of the gallery starts.
 * @returns the originals that the backup has lost; with any of them and without `acceptsLosses` the restore is not complete
 * @throws AppError when there is something to keep, or when the backup cannot be read
 */
export async function restore(
  deps: RestoreDeps,
  store: BackupStore,
  reader: BackupReader,
  options: RestoreOptions,
): Promise<{ lost: BackupFaults["originals"]; isComplete: boolean }> {
  const { database, dataDir } = deps;
  const { manifest } = reader;
  if (!knowsMigration(manifest.migration)) throw isNewer(manifest.galleryVersion);
  const damaged = await findDamagedFiles(reader);
  if (damaged.length > 0) throw isDamaged(damaged);
  const { state, running } = await examineTarget(database.db);
  if (running.length > 0) throw isRunning();
  const isLoaded = typeof state === "object" && state.restoring === manifest.id;
  if (state === "used" || (typeof state === "object" && !isLoaded)) throw isUsed();

  const storage = await deps.openStorage();
  const mark = restoringMarker(manifest.id);
  await checkDataFolder(storage, { mark, installationId: manifest.installationId, isLoaded });
  await storage.writeMarker(mark);
  const lost = await restoreOriginals({ storage, store, reader }, options);
  if (lost.length > 0 && !options.acceptsLosses) return { lost, isComplete: false };
  await restoreDataFiles(dataDir, reader);

  if (!isLoaded) {
    if (state === "new") await dropUnused(database.db);
    await migrateTo(database, manifest.migration);
    const known = new Set(listKnownTables());
    // A backup of an earlier version may hold tables of another program.
    const tables = manifest.tables
      .filter(({ name }) => known.has(name))
      .map((table) => ({ ...table, rows: () => reader.unpack(table.file) }));
    const { counters } = manifest;
    await loadTables(deps.databaseUrl, { tables, counters }, (tx) => markRestore(tx, manifest.id));
  }
  await applyMigrations(database);
  await complete(deps, reader, lost);
  return { lost, isComplete: true };
}

/** Brings the rows to what holds after the restore, and removes the marks. */
async function complete(
  { database, openStorage, now }: RestoreDeps,
  { manifest }: BackupReader,
  lost: BackupFaults["originals"],
): Promise<void> {
  const { db } = database;
  const { id, installationId } = manifest;
  // A fresh storage: the other one insists on the mark.
  const storage = await openStorage();
  await settleRestored(db, { id, counts: countsOf(manifest), now: now() });
  // Their files were deleted while the backup was made: the deletion is completed.
  const purged = await listPhotosById(db, manifest.purged);
  await purgeByIds({ database, storage }, { ids: purged.map((photo) => photo.id), now: now() });
  // What the library itself had lost was noted after its rows were copied.
  const lostBefore = manifest.missing.map(({ id: photoId, fault }) => ({ photoId, fault }));
  const results = [...lost, ...lostBefore].map((each) => ({ ...each, isInBackup: false }));
  await noteChecks(db, { results, now: now() });
  for (const area of areas) await storage.writeMarker(installationId, area);
  await storage.recordAreasMarked(installationId);
  await deleteMoves(db);
  await endRestore(db);
}

function refusal(message: string): AppError {
  return new AppError({ kind: "conflict", code: "conflict", message });
}

const isUsed = () =>
  refusal(
    "The database is not empty; nothing was changed. Restore into a new database: set DATABASE_URL to it, or name a new data folder with --data.",
  );

const isRunning = () =>
  refusal("The gallery runs on this database. Stop its API and worker, then restore.");

const isNewer = (version: string) =>
  refusal(
    `The backup was made by a newer version of the gallery (${version}); restore it with that version or a later one.`,
  );

const isDamaged = (files: string[]) =>
  refusal(
    `The backup is damaged (${files.join(", ")}) and cannot be restored; nothing was changed. Use another one: ./gallery restore DIR --backup NAME`,
  );
