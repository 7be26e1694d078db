import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { opendir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing, makeFolder, placeFile } from "./durable";
import { onStorage, storageFault } from "./faults";
import { type Area, areaOf, areas, incomingFolder, quarantineFolder } from "./keys";
import { createStagedFile, removeStagedFiles } from "./staging";
import type { ListedFile, Storage } from "./storage";

/** Hidden, beside the photos: a volume that is not mounted has none. */
const markerName = ".installation";

/**
 * The library on a local disk: a key is a path below `dataDir`. Files being written stand in
 * `.incoming` of the area they will end in, so that the last step is a rename within one folder tree,
 * also when an area is a volume of its own.
 */
export function createDiskStorage({ dataDir }: { dataDir: string }): Storage {
  const photosFolder = join(dataDir, "photos");
  const markerPath = join(photosFolder, markerName);
  const incomingOf = (area: Area) => join(dataDir, area, incomingFolder);

  function pathOf(key: string): string {
    locate(key);
    return join(dataDir, key);
  }

  return {
    stage: (kind, owner) => onStorage(() => createStagedFile(incomingOf(areaOf(kind)), owner)),

    removeStaged: (kind, owner) =>
      onStorage(() => removeStagedFiles(incomingOf(areaOf(kind)), owner)),

    commit: (staged, key) => onStorage(() => placeFile(staged.path, pathOf(key))),

    put: (key, bytes) =>
      onStorage(async () => {
        await using staged = await createStagedFile(incomingOf(locate(key).area));
        await writeFile(staged.path, bytes);
        await placeFile(staged.path, pathOf(key));
      }),

    find: (key) =>
      onStorage(async () => {
        const path = pathOf(key);
        // The server opens what it sends on this same thread; a look at it from another one costs more than the rest of a thumbnail.
        const found = statSync(path, { throwIfNoEntry: false });
        if (!found?.isFile()) return undefined;
        return { bytes: found.size, modifiedAt: found.mtime, blob: Bun.file(path) };
      }),

    async withLocalFile(key, use) {
      const path = pathOf(key);
      return (await onStorage(() => statFile(path))) && use(path);
    },

    remove: (key) => onStorage(() => rm(pathOf(key), { force: true })),

    list: (prefix) => listFiles(dataDir, prefix),

    quarantine: (key, unchangedSince) =>
      onStorage(async () => {
        const from = pathOf(key);
        const found = await statFile(from);
        if (!found || found.mtime >= unchangedSince) return false;
        const { area, rest } = locate(key);
        const to = join(dataDir, area, quarantineFolder, rest);
        await makeFolder(dirname(to));
        await rename(from, to);
        return true;
      }),

    freeBytes: () =>
      onStorage(async () => {
        await makeFolder(photosFolder);
        const { bavail, bsize } = await statfs(photosFolder);
        return bavail * bsize;
      }),

    readMarker: () =>
      onStorage(async () => {
        try {
          return (await readFile(markerPath, "utf8")).trim();
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),

    writeMarker: (installationId) =>
      onStorage(async () => {
        await makeFolder(photosFolder);
        // The api and the worker of a new installation write it at the same time.
        const unfinished = `${markerPath}.${randomUUID()}.part`;
        try {
          await writeFile(unfinished, `${installationId}\n`);
          await placeFile(unfinished, markerPath);
        } finally {
          await rm(unfinished, { force: true });
        }
      }),
  };
}

/** Splits a key into area and rest. Keys come from `keys.ts`; one that could leave its area is a bug. */
function locate(key: string): { area: Area; rest: string } {
  const area = areas.find((candidate) => key.startsWith(`${candidate}/`));
  const rest = key.slice((area?.length ?? 0) + 1);
  if (!area || rest.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new Error("not a storage key");
  }
  return { area, rest };
}

async function statFile(path: string) {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function* listFiles(dataDir: string, prefix: string): AsyncGenerator<ListedFile> {
  let folder;
  try {
    folder = await opendir(join(dataDir, prefix));
  } catch (error) {
    if (isMissing(error)) return;
    throw storageFault(error);
  }
  for await (const entry of folder) {
    if (entry.name === quarantineFolder) continue;
    const key = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) yield* listFiles(dataDir, key);
    else if (entry.isFile()) {
      const found = await onStorage(() => statFile(join(dataDir, key)));
      if (found) yield { key, bytes: found.size, modifiedAt: found.mtime };
    }
  }
}
