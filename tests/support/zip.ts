import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { fromBufferPromise, openPromise } from "yauzl";

/** A file of an archive. */
type ReadEntry = {
  name: string;
  bytes: number;
  modified: string;
  mode: string;
  method: number;
  isUtf8: boolean;
  /** Of the bytes, after their CRC was checked; undefined where only the local header was read. */
  sha256: string | undefined;
};

/** Reads an archive with a third-party reader; files above `maxBytes` by their headers only. */
export async function readZip(path: string, maxBytes = 2 ** 28): Promise<ReadEntry[]> {
  const archive = await openPromise(path);
  const entries: ReadEntry[] = [];
  for await (const entry of archive.eachEntry()) {
    const hash = createHash("sha256");
    const isLeftOut = entry.uncompressedSize > maxBytes;
    if (isLeftOut) await archive.readLocalFileHeaderPromise(entry);
    else {
      let crc = 0;
      for await (const chunk of await archive.openReadStreamPromise(entry)) {
        crc = crc32(chunk, crc);
        hash.update(chunk);
      }
      if (crc !== entry.crc32) throw new Error(`${entry.fileName} differs from its checksum`);
    }
    entries.push({
      name: entry.fileName,
      bytes: entry.uncompressedSize,
      modified: entry.getLastModDate({ timezone: "UTC" }).toISOString(),
      mode: (entry.externalFileAttributes >>> 16).toString(8),
      method: entry.compressionMethod,
      isUtf8: (entry.generalPurposeBitFlag & 0x800) !== 0,
      sha256: isLeftOut ? undefined : hash.digest("hex"),
    });
  }
  return entries;
}

/** The files of an archive, by name. */
export async function unzip(archive: Uint8Array): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const opened = await fromBufferPromise(Buffer.from(archive));
  for await (const entry of opened.eachEntry()) {
    const chunks = await Array.fromAsync(await opened.openReadStreamPromise(entry));
    files.set(entry.fileName, Buffer.concat(chunks as Buffer[]));
  }
  return files;
}
