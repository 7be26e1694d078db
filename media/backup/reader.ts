import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { AppError } from "#errors";
import { linesOf } from "#lines";
import { sha256Of } from "#sha256";
import { sumOf } from "./hash";
import {
  type BackupFile,
  lineToEntry,
  type Manifest,
  type OriginalEntry,
  parseManifest,
} from "./manifest";
import { manifestFile, manifestSumFile } from "./names";

/** A finished backup. */
export type BackupReader = {
  manifest: Manifest;
  /** Whether the file is there with the bytes of the manifest. */
  isIntact(file: BackupFile): Promise<boolean>;
  read(file: BackupFile): Promise<Uint8Array>;
  unpack(file: BackupFile): AsyncIterable<Uint8Array>;
  /** @throws AppError at its end when the list is shorter or longer than the manifest says */
  originals(): AsyncIterable<OriginalEntry>;
};

/** Opens a file of a backup; undefined when it is missing. */
type OpenFile = (file: string) => Promise<AsyncIterable<Uint8Array> | undefined>;

/** @throws AppError when its manifest is missing or damaged */
export async function readBackup(name: string, open: OpenFile): Promise<BackupReader> {
  async function readText(file: string): Promise<string | undefined> {
    const content = await open(file);
    return content && Buffer.concat(await Array.fromAsync(content)).toString();
  }
  const text = await readText(manifestFile);
  const sum = await readText(manifestSumFile);
  const sha256 = sha256Of(text ?? "");
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (manifest?.name !== name || sum?.split(" ")[0] !== sha256) throw damaged(name);

  async function* readFile({ name: file }: BackupFile): AsyncGenerator<Uint8Array> {
    const content = await open(file);
    if (!content) throw damaged(name);
    yield* content;
  }
  const unpack = (file: BackupFile) => {
    const gunzip = createGunzip();
    pipeline(Readable.from(readFile(file)), gunzip).catch(() => undefined);
    return gunzip;
  };

  return {
    manifest,
    unpack,
    read: async (file) => Buffer.concat(await Array.fromAsync(readFile(file))),

    async isIntact(file) {
      const content = await open(file.name);
      const found = content && (await sumOf(content));
      return found?.sha256 === file.sha256 && found.bytes === file.bytes;
    },

    async *originals() {
      let count = 0;
      for await (const line of linesOf(unpack(manifest.originals.file))) {
        count += 1;
        yield lineToEntry(line);
      }
      // They are counted where they are copied, not where they are listed: an incomplete list must not look whole.
      if (count !== manifest.originals.count) throw damaged(name);
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
