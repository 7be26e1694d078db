import { hashFile } from "#media/backup/hash";
import type { OriginalEntry } from "#media/backup/manifest";
import type { BackupReader } from "#media/backup/reader";
import type { BackupStore } from "#media/backup/store";
import { parseKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";
import type { BackupFaults } from "./check";
import { inTurn } from "./in-turn";
import type { RestoreOptions } from "./job";

/**
 * Copies the originals of a backup into an empty storage and compares each with its hash. Those that an interrupted restore
 * has copied are read and kept.
 * @returns those that are lost or damaged in the backup
 */
export async function restoreOriginals(
  { storage, store, reader }: { storage: Storage; store: BackupStore; reader: BackupReader },
  { onProgress, signal }: Pick<RestoreOptions, "onProgress" | "signal">,
): Promise<BackupFaults["originals"]> {
  const { count } = reader.manifest.originals;
  const lost: BackupFaults["originals"] = [];
  let done = 0;
  const restoreOne = async (entry: OriginalEntry) => {
    signal?.throwIfAborted();
    if (!(await isThere(storage, entry))) {
      const fault = await copy(storage, store, entry);
      if (fault !== null) lost.push({ photoId: entry.photoId, fault });
    }
    onProgress((done += 1), count);
  };
  for await (const _ of inTurn(reader.originals(), restoreOne));
  return lost;
}

async function isThere(storage: Storage, { key, sha256 }: OriginalEntry): Promise<boolean> {
  const found = await storage.withLocalFile(key, (path) => hashFile(path));
  return found?.sha256 === sha256;
}

async function copy(
  storage: Storage,
  { originals }: BackupStore,
  { key, bytes, sha256 }: OriginalEntry,
): Promise<"missing" | "damaged" | null> {
  const parsed = parseKey(key);
  if (parsed?.part !== "original") throw new Error("the backup names a file that is no original");
  const source = await originals.open(sha256);
  if (!source) return "missing";
  await using staged = await storage.stage(parsed.kind);
  try {
    const received = await staged.receive(source, Infinity);
    if (received.contentHash !== sha256 || received.bytes !== bytes) return "damaged";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EIO") return "damaged";
    throw error;
  }
  await storage.commit(staged, key);
  return null;
}
