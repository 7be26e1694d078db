import type { Storage, StoredFile } from "#media/storage/storage";

const bounds = { fileBytes: 64 * 1024, bytes: 16 * 1024 * 1024 };
/** Two writes within one tick of the file system's clock can have the same revision. */
const settledMs = 3_000;

/** How long the result of a check stands where `findRecent` is enough. */
const recentMs = 1_000;

export type FileCache = {
  /**
   * Finds a file and caches its bytes if it is small. The storage is asked each time, so a file that any process removed
   * or replaced is never answered from the cache.
   */
  find: Storage["find"];
  /** A cached file that the storage still had within the last second. Asking it takes longer than the rest of an answer. */
  findRecent(key: string): StoredFile | undefined;
  /** The storage, for all changes by this process: they take effect in the cache at once. */
  storage: Storage;
};

/** Caches small files of a storage in memory. */
export function createFileCache(
  storage: Storage,
  now: () => Date,
  { fileBytes, bytes: maxBytes } = bounds,
): FileCache {
  /** Least recently used first; `checkedAt` in milliseconds since 1970. */
  const kept = new Map<string, { file: StoredFile; checkedAt: number }>();
  let keptBytes = 0;

  function forget(key: string): void {
    keptBytes -= kept.get(key)?.file.bytes ?? 0;
    kept.delete(key);
  }

  async function keep(key: string, file: StoredFile): Promise<StoredFile> {
    const bytes = await file.content.bytes();
    // The file was replaced after it was found: a copy under the old revision would never be used.
    if (bytes.byteLength !== file.bytes) return file;
    const copy = { ...file, content: new Blob([bytes]) };
    forget(key);
    // Reading took a while, in which the file may have been removed.
    kept.set(key, { file: copy, checkedAt: 0 });
    keptBytes += copy.bytes;
    for (const oldest of kept.keys()) {
      if (keptBytes <= maxBytes) break;
      forget(oldest);
    }
    return copy;
  }

  async function find(key: string): Promise<StoredFile | undefined> {
    const file = await storage.find(key);
    const known = kept.get(key)?.file;
    const time = now().getTime();
    if (known && known.revision === file?.revision) {
      kept.delete(key);
      kept.set(key, { file: known, checkedAt: time });
      return known;
    }
    if (known) forget(key);
    if (!file || file.bytes > fileBytes) return file;
    const isSettled = time - file.changedAt.getTime() > settledMs;
    return isSettled ? keep(key, file) : file;
  }

  return {
    find,
    findRecent(key) {
      const known = kept.get(key);
      // Absolute, as the clock may be set back.
      const isRecent = known && Math.abs(now().getTime() - known.checkedAt) < recentMs;
      return isRecent ? known.file : undefined;
    },
    storage: { ...storage, remove: (key) => storage.remove(key).finally(() => forget(key)) },
  };
}
