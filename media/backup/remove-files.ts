import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../storage/durable";
import { isBackupFile } from "./names";

/**
 * Deletes what a backup wrote into its folder, and the folder unless something else is in it.
 * @returns whether the folder is gone
 */
export async function removeBackupFiles(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const entry of entries) {
    if (entry.isFile() && isBackupFile(entry.name)) await rm(join(folder, entry.name));
  }
  return removeIfEmpty(folder);
}

/** @returns whether the folder is gone */
export async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    if (["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code!)) return false;
    throw error;
  }
}
