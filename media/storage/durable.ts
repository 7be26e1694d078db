import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Puts a finished file in its place so that it survives a power cut in full: sync the file, rename it, sync the
 * folder, and the folder around it. A reader never sees half a file, and a retry overwrites the same name.
 */
export async function placeFile(from: string, to: string): Promise<void> {
  await flush(from);
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await makeFolder(dirname(to));
    await rename(from, to);
  }
  await flush(dirname(to));
  // Whoever made the folder may not have flushed its name yet, or died before.
  await flush(dirname(dirname(to))).catch((error: NodeJS.ErrnoException) => {
    // Above the data folder, which is not ours to make.
    if (error.code !== "EACCES") throw error;
  });
}

/** Creates a folder and its parents, each entry synced to disk. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) {
    await flush(dirname(made));
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}

/** Makes the content of a file, or the names in a folder, survive a power cut. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
