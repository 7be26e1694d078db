import { stat } from "node:fs/promises";
import { hashFile } from "../hash";
import { isOriginalName, originalPath, originalsFolder } from "../names";
import { isEqual, type StoredOriginals } from "../originals";
import type { BackupObjects } from "./objects";

export function createBucketOriginals(objects: BackupObjects): StoredOriginals {
  return {
    open: (sha256) => objects.open(originalPath(sha256)),
    sum: (sha256) => objects.sum(originalPath(sha256)),

    async has(wanted, reads = false) {
      const path = originalPath(wanted.sha256);
      if ((await objects.bytesOf(path)) !== wanted.bytes) return false;
      const found = reads ? await objects.sum(path) : wanted;
      return found !== undefined && isEqual(found, wanted);
    },

    async keep(path, wanted) {
      if (!isEqual(await hashFile(path), wanted)) return false;
      try {
        await objects.store(originalPath(wanted.sha256), Bun.file(path), wanted.sha256);
      } catch (error) {
        // A file that was removed meanwhile looks like a store that does not answer.
        await stat(path);
        throw error;
      }
      return true;
    },

    async *list() {
      for await (const key of objects.list(`${originalsFolder}/`)) {
        const [, folder = "", name = "", ...rest] = key.split("/");
        if (rest.length === 0 && isOriginalName(folder, name)) yield name;
      }
    },

    remove: (sha256) => objects.remove(originalPath(sha256)),
    // A stored object survives a power cut.
    settle: async () => {},
  };
}
