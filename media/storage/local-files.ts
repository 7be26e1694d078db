import { opendir, rename, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isMissing, makeFolder } from "./durable";
import { onStorage, storageFault } from "./faults";
import { type Area, areas, quarantineFolder } from "./keys";
import { markerName } from "./markers";
import type { ListedFile } from "./storage";

/** Splits a key into area and rest. Keys come from `keys.ts`; one that could leave its area is a bug. */
export function locate(key: string): { area: Area; rest: string } {
  const area = areas.find((candidate) => key.startsWith(`${candidate}/`));
  const rest = key.slice((area?.length ?? 0) + 1);
  if (!area || rest.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new Error("not a storage key");
  }
  return { area, rest };
}

export async function statFile(path: string) {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Moves a file to its area's quarantine, if it was last changed before `unchangedSince`. */
export async function quarantineFile(
  dataDir: string,
  key: string,
  unchangedSince: Date,
): Promise<boolean> {
  const { area, rest } = locate(key);
  const from = join(dataDir, key);
  const found = await statFile(from);
  if (!found || found.mtime >= unchangedSince) return false;
  const to = join(dataDir, area, quarantineFolder, rest);
  await makeFolder(dirname(to));
  await rename(from, to);
  return true;
}

/** Bytes of free space on the disk of a folder. */
export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** The files below a folder of `dataDir`, with their keys. */
export async function* listFiles(dataDir: string, prefix: string): AsyncGenerator<ListedFile> {
  let folder;
  try {
    folder = await opendir(join(dataDir, prefix));
  } catch (error) {
    if (isMissing(error)) return;
    throw storageFault(error);
  }
  for await (const entry of folder) {
    if (entry.name === quarantineFolder || entry.name === markerName) continue;
    const key = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) yield* listFiles(dataDir, key);
    else if (entry.isFile()) {
      const found = await onStorage(() => statFile(join(dataDir, key)));
      if (found) yield { key, bytes: found.size, modifiedAt: found.mtime };
    }
  }
}
