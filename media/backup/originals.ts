import { randomUUID } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { copyFile, open, opendir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { flush, isMissing, makeFolder } from "../storage/durable";
import { isDamage } from "../storage/faults";
import { backupFault } from "./faults";
import { hashFile, type Sum } from "./hash";
import { isOriginalName, originalPath, originalsFolder, partName, unfinishedFolder } from "./names";

type Wanted = Readonly<Sum>;

/** The originals of all backups of a folder or a bucket, by their hash. They never change, so that each is copied once. */
export type StoredOriginals = {
  /** Whether it is there with its length; its bytes were compared when it was stored, and are again if `reads`. */
  has(wanted: Wanted, reads?: boolean): Promise<boolean>;
  /**
   * Copies a file, reads the copy back, and stores it if its hash is the wanted one.
   * @returns false when the file at `path` has other bytes
   * @throws the file system's error; ENOENT when the file at `path` is missing
   */
  keep(path: string, wanted: Wanted): Promise<boolean>;
  /** Its bytes; undefined when it is missing. */
  open(sha256: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** What its bytes are now; undefined when it is missing. */
  sum(sha256: string): Promise<Sum | undefined>;
  list(): AsyncIterable<string>;
  remove(sha256: string): Promise<void>;
  /** Makes the names of all stored files survive a power cut. */
  settle(): Promise<void>;
};

export function createStoredOriginals(root: string): StoredOriginals {
  const touched = new Set<string>();
  const pathOf = (sha256: string) => join(root, originalPath(sha256));

  return {
    open: (sha256) => openFile(pathOf(sha256)),

    sum: (sha256) =>
      hashReadable(pathOf(sha256)).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      }),

    async has(wanted, reads = false) {
      const path = pathOf(wanted.sha256);
      const found = await stat(path).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (!found?.isFile() || found.size !== wanted.bytes) return false;
      return !reads || isEqual(await hashReadable(path), wanted);
    },

    async keep(path, wanted) {
      const copy = join(root, unfinishedFolder, partName(randomUUID()));
      try {
        // Shares the blocks where the file system can. Not a hard link: a write to one would change the other.
        await copyFile(path, copy, constants.COPYFILE_FICLONE);
        await flush(copy);
        if (!isEqual(await hashFile(copy), wanted)) {
          if (!isEqual(await hashFile(path), wanted)) return false;
          throw notKept();
        }
        const target = pathOf(wanted.sha256);
        if (!touched.has(dirname(target))) await makeFolder(dirname(target));
        await rename(copy, target);
        touched.add(dirname(target));
        return true;
      } catch (error) {
        // The error of a failing disk does not say which of the two it is.
        if (isDamage(error) && isEqual(await hashReadable(path), wanted)) throw notKept();
        throw error;
      } finally {
        await rm(copy, { force: true });
      }
    },

    async *list() {
      for await (const { name: folder } of entriesOf(join(root, originalsFolder))) {
        for await (const file of entriesOf(join(root, originalsFolder, folder))) {
          if (file.isFile() && isOriginalName(folder, file.name)) yield file.name;
        }
      }
    },

    remove: (sha256) => rm(pathOf(sha256), { force: true }),

    async settle() {
      for (const folder of touched) await flush(folder);
      // Folders that a backup made which died before it flushed their names.
      if (touched.size > 0) await flush(join(root, originalsFolder));
      touched.clear();
    },
  };
}

const notKept = () => backupFault("The disk of the backups did not keep what was written to it.");

/** The hash of no bytes for a file that the disk cannot read. */
const hashReadable = (path: string): Promise<Wanted> =>
  hashFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EIO") return { sha256: "", bytes: 0 };
    throw error;
  });

/** A file's bytes; undefined when it is missing. */
export async function openFile(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  try {
    return (await open(path)).createReadStream();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export const isEqual = (found: Wanted, wanted: Wanted) =>
  found.sha256 === wanted.sha256 && found.bytes === wanted.bytes;

async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder);
  } catch (error) {
    if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== "ENOTDIR") throw error;
  }
}
