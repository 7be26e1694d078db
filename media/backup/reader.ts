import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { AppError } from "#errors";
import { isMissing } from "../storage/durable";
import { hashFile } from "./hash";
import {
  type BackupFile,
  lineToEntry,
  type Manifest,
  type OriginalEntry,
  parseManifest,
} from "./manifest";
import { backupsFolder, manifestFile, manifestSumFile } from "./names";

/** A finished backup. */
export type BackupReader = {
  manifest: Manifest;
  /** Whether the file is there with the bytes of the manifest. */
  isIntact(file: BackupFile): Promise<boolean>;
  read(file: BackupFile): Promise<Uint8Array>;
  unpack(file: BackupFile): AsyncIterable<Uint8Array>;
  originals(): AsyncIterable<OriginalEntry>;
};

/** @throws AppError when its manifest is missing or damaged */
export async function readBackup(root: string, name: string): Promise<BackupReader> {
  const pathOf = (file: string) => join(root, backupsFolder, name, file);
  const [text, sum] = await Promise.all(
    [manifestFile, manifestSumFile].map((file) =>
      readFile(pathOf(file), "utf8").catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      }),
    ),
  );
  const sha256 = new Bun.CryptoHasher("sha256").update(text ?? "").digest("hex");
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (manifest?.name !== name || sum?.split(" ")[0] !== sha256) throw damaged(name);
  const unpack = (file: BackupFile) => createReadStream(pathOf(file.name)).pipe(createGunzip());

  return {
    manifest,
    unpack,
    read: (file) => readFile(pathOf(file.name)),

    async isIntact(file) {
      const found = await hashFile(pathOf(file.name)).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      return found?.sha256 === file.sha256 && found.bytes === file.bytes;
    },

    async *originals() {
      for await (const line of createInterface({ input: unpack(manifest.originals.file) })) {
        yield lineToEntry(line);
      }
    },
  };
}

function damaged(name: string): AppError {
  return new AppError({
    kind: "unprocessable",
    code: "storage_error",
    message: `The manifest of the backup ${name} is missing or damaged; use another backup.`,
  });
}
