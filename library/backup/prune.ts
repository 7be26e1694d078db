import { noteRemovedBackups } from "#db/queries/backups/backups";
import type { BackupStore } from "#media/backup/store";
import type { BackupDeps, BackupOptions } from "./job";

/**
 * Deletes the oldest backups beyond the number to keep, then the originals that no backup names any more.
 * @param newest the one that was just made; it stays, even if the clock was set back and others seem newer
 * @returns the names of the deleted backups
 */
export async function prune(
  deps: BackupDeps,
  { store, newest }: { store: BackupStore; newest: string },
  { folder, keep }: BackupOptions,
): Promise<string[]> {
  const names = [...(await store.list()).filter((name) => name !== newest), newest];
  const removed = keep === null ? [] : names.slice(0, -keep);
  for (const name of removed) await store.remove(name);
  const kept = names.slice(removed.length);
  await noteRemovedBackups(deps.database.db, { folder, kept, now: deps.now() });
  if (removed.length > 0) await removeUnnamed(store, kept);
  return removed;
}

/** An unreadable backup ends it before anything is deleted: its originals are not known. */
async function removeUnnamed(store: BackupStore, kept: string[]): Promise<void> {
  const named = new Set<string>();
  for (const name of kept) {
    const reader = await store.read(name).catch(() => undefined);
    if (!reader || !(await reader.isIntact(reader.manifest.originals.file))) return;
    for await (const { sha256 } of reader.originals()) named.add(sha256);
  }
  for await (const sha256 of store.originals.list()) {
    if (!named.has(sha256)) await store.originals.remove(sha256);
  }
}
