import { createReadStream, statSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256OfStream } from "#sha256";
import { isMissing, makeFolder, placeFile } from "./durable";
import { isDamage, onStorage } from "./faults";
import { type Area, areaOf, incomingFolder } from "./keys";
import { freeBytesOf, listFiles, locate, quarantineFile, statFile } from "./local-files";
import { createMarkers } from "./markers";
import { createStagedFile, removeStagedFiles } from "./staging";
import type { Storage } from "./storage";

/**
 * The library on a local disk: a key is a path below `dataDir`. Unfinished files are in `.incoming` of their final
 * area, so that the last step is a rename within one file system, even when an area is a separate volume.
 */
export function createDiskStorage({ dataDir }: { dataDir: string }): Storage {
  const photosFolder = join(dataDir, "photos");
  const { check, during, requiresMarkers, ...markers } = createMarkers(dataDir);
  const incomingOf = (area: Area) => join(dataDir, area, incomingFolder);

  const root = join(dataDir, "/");

  function pathOf(key: string): string {
    locate(key);
    return root + key;
  }

  /** Puts a finished file at a key. */
  function place(from: string, key: string): Promise<void> {
    const path = pathOf(key);
    const undo = () => rm(path, { force: true });
    return during(locate(key).area, () => placeFile(from, path), { settled: path, undo });
  }

  return {
    ...markers,

    stage: (kind, owner) =>
      onStorage(async () => {
        const area = areaOf(kind);
        await check(area);
        const staged = await createStagedFile(incomingOf(area), owner);
        const written = { settled: staged.path, undo: () => staged.abort() };
        return {
          ...staged,
          receive: (source, maxBytes) =>
            during(area, () => staged.receive(source, maxBytes), written),
        };
      }),

    removeStaged: (kind, owner) =>
      onStorage(() => removeStagedFiles(incomingOf(areaOf(kind)), owner)),

    commit: (staged, key) => onStorage(() => place(staged.path, key)),

    put: (key, bytes) =>
      onStorage(async () => {
        const { area } = locate(key);
        await check(area);
        await using staged = await createStagedFile(incomingOf(area));
        const written = { undo: () => staged.abort() };
        await during(area, () => writeFile(staged.path, bytes), written);
        await place(staged.path, key);
      }),

    async write(key, produce) {
      await using staged = await onStorage(async () => {
        const { area } = locate(key);
        await check(area);
        return createStagedFile(incomingOf(area));
      });
      if (await produce(staged.path)) await onStorage(() => place(staged.path, key));
    },

    find: (key) =>
      onStorage(async () => {
        const path = pathOf(key);
        // Synchronous: the server opens the file on this thread anyway, and an asynchronous stat takes longer than the
        // rest of a thumbnail's response.
        const found = statSync(path, { throwIfNoEntry: false });
        if (!found?.isFile()) return undefined;
        const { size: bytes, mtime: modifiedAt, ctime: changedAt, ino, ctimeMs } = found;
        const revision = `${ino}-${ctimeMs}-${bytes}`;
        return {
          bytes,
          modifiedAt,
          changedAt,
          revision,
          get content() {
            return Bun.file(path);
          },
        };
      }),

    async withLocalFile(key, use) {
      const path = pathOf(key);
      return (await onStorage(() => statFile(path))) && use(path);
    },

    hash: (key, onChunk) =>
      onStorage(async () => {
        try {
          return await sha256OfStream(createReadStream(pathOf(key)), onChunk);
        } catch (error) {
          if (isMissing(error)) return undefined;
          if (isDamage(error)) return null;
          throw error;
        }
      }),

    remove: (key) =>
      onStorage(async () => {
        await check(locate(key).area);
        await rm(pathOf(key), { force: true });
      }),

    list: (prefix) => listFiles(dataDir, prefix),

    quarantine: (key, unchangedSince) =>
      onStorage(async () => {
        await check(locate(key).area);
        return quarantineFile(dataDir, key, unchangedSince);
      }),

    agreeOn: async (_, text) => text,

    freeBytes: () =>
      onStorage(async () => {
        if (!requiresMarkers()) await makeFolder(photosFolder);
        return freeBytesOf(photosFolder);
      }),
  };
}
