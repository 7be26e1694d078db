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
  const named = await namedBy(store, removed);
  for (const name of removed) await store.remove(name);
  const kept = names.slice(removed.length);
  await noteRemovedBackups(deps.database.db, { folder, kept, now: deps.now() });
  if (removed.length > 0) await removeUnnamed(store, { kept, named });
  return removed;
}

/**
 * An unreadable backup ends it before anything is deleted: its originals are not known.
 * @param from.named by the deleted backups. What none of them names was left by one that died, or is somebody else's file, whose
 * name is not the hash of its bytes.
 */
async function removeUnnamed(
  store: BackupStore,
  from: { kept: string[]; named: ReadonlySet<string> },
): Promise<void> {
  const needed = new Set<string>();
  for (const name of from.kept) {
    const hashes = await hashesOf(store, name);
    if (!hashes) return;
    for await (const sha256 of hashes) needed.add(sha256);
  }
  for await (const sha256 of store.originals.list()) {
    if (needed.has(sha256)) continue;
    const isOurs = from.named.has(sha256) || (await store.originals.sum(sha256))?.sha256 === sha256;
    if (isOurs) await store.originals.remove(sha256);
  }
}

/** The originals of those of these backups that can be read. */
async function namedBy(store: BackupStore, names: string[]): Promise<Set<string>> {
  const named = new Set<string>();
  for (const name of names) {
    for await (const sha256 of (await hashesOf(store, name)) ?? []) named.add(sha256);
  }
  return named;
}

/** The originals of a backup; undefined when it cannot be read. */
async function hashesOf(
  store: BackupStore,
  name: string,
): Promise<AsyncIterable<string> | undefined> {
  const reader = await store.read(name).catch(() => undefined);
  if (!reader || !(await reader.isIntact(reader.manifest.originals.file))) return undefined;
  return (async function* () {
    for await (const { sha256 } of reader.originals()) yield sha256;
  })();
}
