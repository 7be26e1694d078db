import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** Every file of a kind of photo, without the folders of unfinished and quarantined files. */
export async function listFiles(
  dataDir: string,
  kind: "generated" | "uploaded" | "thumbnails",
): Promise<string[]> {
  return (await everything(dataDir, kind)).filter(
    (path) => !path.includes("/.") && !path.startsWith("."),
  );
}

/** Temporary files that are neither finished nor removed. */
export async function listUnfinished(dataDir: string): Promise<string[]> {
  const kinds = ["generated", "uploaded", "thumbnails"] as const;
  const all = await Promise.all(kinds.map((kind) => everything(dataDir, kind)));
  return all.flat().filter((path) => path.endsWith(".part"));
}

async function everything(dataDir: string, kind: string): Promise<string[]> {
  const folder = join(dataDir, "photos", kind);
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
