import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { AppError } from "#errors";
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
  const sha256 = new Bun.CryptoHasher("sha256").update(text ?? "").digest("hex");
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
      for await (const line of linesOf(unpack(manifest.originals.file))) yield lineToEntry(line);
    },
  };
}

/** An error of the source ends it: half a list must not look like a whole one. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function damaged(name: string): AppError {
  return new AppError({
    kind: "unprocessable",
    code: "storage_error",
    message: `The manifest of the backup ${name} is missing or damaged; use another backup.`,
  });
}
