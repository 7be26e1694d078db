import { randomUUID } from "node:crypto";
import { mkdir, opendir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#errors";
import { sha256Of } from "#sha256";
import { isMissing } from "../durable";
import { statFile } from "../local-files";

/** A file that was used within this time stays, also for another process that uses the same folder. */
const keptMs = 10 * 60_000;
/** How often a file's time of use is written. */
const touchEveryMs = 60_000;
/** The same on a full disk, which needs the space for photos: longer than a time of use is late. */
const keptOnFullDiskMs = 2 * touchEveryMs;

export type CacheFolder = Readonly<{
  /** The path of a version of an object; `download` writes it to a given path if it is not here. */
  open(name: { key: string; etag: string }, download: Download): Promise<string>;
}>;

type Download = (path: string) => Promise<void>;

/**
 * Local copies of objects, for decoders and repeated reads. Several processes may share the folder. Least recently used
 * ones are removed when it holds more than `maxBytes`; it may hold more while they are in use. Losing it loses nothing.
 */
export function createCacheFolder(folder: string, maxBytes: number): CacheFolder {
  const downloads = new Map<string, Promise<string>>();
  const touchedAt = new Map<string, number>();
  /** Downloaded since the last clean-up; at first what an earlier process may have left. */
  let addedBytes = maxBytes;

  async function touch(path: string): Promise<boolean> {
    const now = Date.now();
    if (Math.abs(now - (touchedAt.get(path) ?? 0)) < touchEveryMs) {
      return (await statFile(path)) !== undefined;
    }
    try {
      await utimes(path, new Date(now), new Date(now));
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    if (touchedAt.size > 50_000) touchedAt.clear();
    touchedAt.set(path, now);
    return true;
  }

  async function fetchTo(path: string, download: Download): Promise<string> {
    try {
      return await fetchOnce(path, download);
    } catch (error) {
      if (!(error instanceof AppError && error.kind === "storage_full")) throw error;
      await cleanUp(folder, { maxBytes: 0, unusedMs: keptOnFullDiskMs });
      return fetchOnce(path, download);
    }
  }

  async function fetchOnce(path: string, download: Download): Promise<string> {
    await mkdir(folder, { recursive: true });
    const unfinished = join(folder, `${randomUUID()}.part`);
    try {
      await download(unfinished);
      addedBytes += (await stat(unfinished)).size;
      await rename(unfinished, path);
    } finally {
      await rm(unfinished, { force: true });
    }
    if (addedBytes > maxBytes / 8) {
      addedBytes = 0;
      await cleanUp(folder, { maxBytes, unusedMs: keptMs });
    }
    return path;
  }

  return {
    async open({ key, etag }, download) {
      const path = join(folder, sha256Of(`${key}\n${etag}`));
      if (await touch(path)) return path;
      const running = downloads.get(path);
      if (running) return running;
      const started = fetchTo(path, download).finally(() => downloads.delete(path));
      downloads.set(path, started);
      return started;
    },
  };
}

async function cleanUp(
  folder: string,
  { maxBytes, unusedMs }: { maxBytes: number; unusedMs: number },
): Promise<void> {
  const files: { path: string; bytes: number; usedAt: number }[] = [];
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    const found = await statFile(path);
    if (found) files.push({ path, bytes: found.size, usedAt: found.mtimeMs });
  }
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const unusedSince = Date.now() - unusedMs;
  for (const { path, bytes, usedAt } of files.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maxBytes || usedAt > unusedSince) return;
    await rm(path, { force: true });
    total -= bytes;
  }
}
