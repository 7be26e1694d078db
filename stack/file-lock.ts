import { Database } from "bun:sqlite";

export type FileLock = { release: () => void };

/**
 * Takes a lock for this process; undefined when another process holds it. SQLite's exclusive transaction uses a lock
 * of the operating system, which is released however its holder dies, so there are no stale locks to detect.
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
