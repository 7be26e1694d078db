import { createWriteStream } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { sha256Of } from "#sha256";
import { flush, makeFolder } from "../storage/durable";
import { backupFault } from "./faults";
import { hashFile } from "./hash";
import type { BackupFile, Manifest } from "./manifest";
import { manifestFile, manifestSumFile } from "./names";

/** A backup that is being written; it becomes one with `finish`. */
export type BackupDraft = {
  /** Writes a compressed file. */
  compress(name: string, content: AsyncIterable<Uint8Array>): Promise<BackupFile>;
  write(name: string, content: Uint8Array): Promise<BackupFile>;
  pathOf(name: string): string;
  /** Reads every file back, compares it with its hash and publishes all: from then on it is a backup. */
  finish(manifest: Manifest): Promise<void>;
  /** Removes it; does nothing once it is finished. */
  abort(): Promise<void>;
};

/**
 * Writes a backup into an empty or new folder.
 * @param ending.publish makes the complete folder a backup; the manifest is the last of its files
 */
export async function createDraft(
  folder: string,
  ending: {
    publish: (files: readonly BackupFile[]) => Promise<void>;
    discard: () => Promise<void>;
  },
): Promise<BackupDraft> {
  const pathOf = (file: string) => join(folder, file);
  const written: BackupFile[] = [];
  await makeFolder(folder);

  async function note(file: string, sha256: string): Promise<BackupFile> {
    await flush(pathOf(file));
    const { size: bytes } = await stat(pathOf(file));
    const noted = { name: file, bytes, sha256 };
    written.push(noted);
    return noted;
  }

  const write = async (file: string, content: Uint8Array | string) => {
    await writeFile(pathOf(file), content, { flag: "wx", mode: 0o600 });
    return note(file, sha256Of(content));
  };

  return {
    pathOf,
    write,

    async compress(file, content) {
      const hash = new Bun.CryptoHasher("sha256");
      await pipeline(
        content,
        createGzip({ level: 6 }),
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(pathOf(file), { flags: "wx", mode: 0o600 }),
      );
      return note(file, hash.digest("hex"));
    },

    async finish(manifest) {
      const text = `${JSON.stringify(manifest, null, 2)}\n`;
      const sha256 = sha256Of(text);
      await write(manifestSumFile, `${sha256}  ${manifestFile}\n`);
      await write(manifestFile, text);
      for (const file of written) {
        const found = await hashFile(pathOf(file.name));
        if (found.sha256 === file.sha256 && found.bytes === file.bytes) continue;
        throw backupFault("The disk of the backups did not keep what was written to it.");
      }
      await flush(folder);
      await ending.publish(written);
    },

    abort: ending.discard,
  };
}
