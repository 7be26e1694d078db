import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import {
  beginBackup,
  completeBackup,
  failBackup,
  findRunningBackup,
  hasBackupIn,
} from "#db/queries/backups/backups";
import { noteChecks } from "#db/queries/photos/original-checks";
import { type BackupConnection, withBackupLock } from "#db/backup/snapshot";
import { AppError } from "#errors";
import type { BackupDraft } from "#media/backup/draft";
import { backupFault, translateFault } from "#media/backup/faults";
import type { Manifest } from "#media/backup/manifest";
import { nameBackup } from "#media/backup/names";
import type { BackupStore } from "#media/backup/store";
import { copyOriginals } from "./copy-originals";
import { copyDataFiles } from "./data-files";
import { dumpDatabase } from "./dump";
import type { BackupDeps, BackupOptions } from "./job";
import { countsOf } from "./counts";
import { prune } from "./prune";

/**
 * Copies database and originals to a folder of backups, while the gallery runs. What dies leaves no backup and a row that
 * says so; the next one goes on with the originals that were copied.
 * @returns the manifest, and the names of older backups that were deleted
 * @throws AppError conflict while another one runs; storage_full
 */
export async function backUp(
  deps: BackupDeps,
  options: BackupOptions,
): Promise<{ manifest: Manifest; removed: string[] }> {
  return withBackupLock(deps.databaseUrl, async (connection) => {
    const { db } = deps.database;
    const { folder, trigger } = options;
    const id = randomUUID();
    const startedAt = deps.now();
    const name = nameBackup(startedAt, id);
    await settleFinished(deps, folder);
    await beginBackup(db, { id, name, folder, trigger, now: startedAt });
    try {
      refuseInside(folder, deps.dataDir);
      const store = await deps.backups.prepare(folder, {
        installationId: deps.installationId,
        expectsBackups: await hasBackupIn(db, folder),
      });
      await store.clean();
      const head = { id, name, createdAt: startedAt.toISOString() };
      const manifest = await write(deps, { connection, store, head, options });
      await completeBackup(db, { id, counts: countsOf(manifest), now: deps.now() });
      return { manifest, removed: await prune(deps, { store, newest: name }, options) };
    } catch (error) {
      const fault = translateFault(error);
      await failBackup(db, { id, error: reasonOf(fault), now: deps.now() });
      throw fault;
    }
  });
}

async function write(
  deps: BackupDeps,
  work: {
    connection: BackupConnection;
    store: BackupStore;
    head: Pick<Manifest, "id" | "name" | "createdAt">;
    options: BackupOptions;
  },
): Promise<Manifest> {
  const { connection, store, head, options } = work;
  const draft: BackupDraft = await store.begin(head.name);
  try {
    const { db } = deps.database;
    const database = await connection.readSnapshot((snapshot) =>
      dumpDatabase(snapshot, draft, options.signal),
    );
    const originals = await copyOriginals(deps, { store, draft, options, now: deps.now() });
    await store.originals.settle();
    const manifest: Manifest = {
      format: 1,
      ...head,
      galleryVersion: deps.galleryVersion,
      installationId: deps.installationId,
      ...database,
      ...originals,
      dataFiles: await copyDataFiles(deps.dataDir, draft),
    };
    const results = originals.missing.map(({ id: photoId, fault }) => ({
      photoId,
      fault,
      isInBackup: false,
    }));
    await noteChecks(db, { results, now: deps.now() });
    options.signal?.throwIfAborted();
    // Without the lock another backup could have deleted originals that this one names.
    await connection.checkLock();
    await draft.finish(manifest);
    return manifest;
  } catch (error) {
    await draft.abort();
    throw error;
  }
}

/** The loss of the data folder must not take its backups with it. */
function refuseInside(folder: string, dataDir: string): void {
  if (!`${folder}/`.startsWith(`${resolve(dataDir)}/`)) return;
  throw backupFault(
    "The backups would be in the data folder, and be lost with it; name a folder elsewhere.",
  );
}

/** A backup whose process died between its last rename and its row is complete. */
async function settleFinished(deps: BackupDeps, folder: string): Promise<void> {
  const { db } = deps.database;
  const running = await findRunningBackup(db);
  if (running?.folder !== folder) return;
  const store = await deps.backups
    .prepare(folder, { installationId: deps.installationId, expectsBackups: false })
    .catch(() => undefined);
  const reader = await store?.read(running.name).catch(() => undefined);
  if (!reader) return;
  const counts = countsOf(reader.manifest);
  await completeBackup(db, { id: running.id, counts, now: deps.now() });
}

/** For the owner: a fault without a name may hold a path or a query, which the log has. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (error instanceof Error && error.name === "AbortError") return "It was stopped.";
  return "It failed unexpectedly; the log of the program says why.";
}
