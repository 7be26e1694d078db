import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./durable";
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
