import { Database } from "bun:sqlite";

export type FileLock = { release: () => void };

/**
 * Takes a lock that belongs to this process: undefined when another one holds it.
 *
 * SQLite's exclusive transaction is a lock of the operating system, which lets go of it when its
 * holder dies in whatever way. So there is no stale lock to recognise and none to take over.
 */
export function tryLock(path: string): FileLock | undefined {
  const file = new Database(path, { create: true, readwrite: true });
  try {
    file.run("PRAGMA busy_timeout = 0");
    file.run("BEGIN EXCLUSIVE");
  } catch (error) {
    file.close();
    if ((error as { code?: string }).code === "SQLITE_BUSY") return undefined;
    throw error;
  }
  return { release: () => file.close() };
}
