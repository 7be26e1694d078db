import { readFile } from "node:fs/promises";

/** The bytes of a file of a running program; empty when the program has just removed it, as with a journal. */
export async function readIfThere(path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
}
