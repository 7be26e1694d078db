import { open } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { AppError, invalid } from "#errors";

const chunkBytes = 64 * 1024;

export type ZipBounds = Readonly<{
  /** Entries of the whole archive, read or not. */
  maxEntries: number;
  /** Bytes of one entry's name. */
  maxNameBytes: number;
}>;

/** An archive of unknown origin, read in place: an entry is unpacked only on request. */
export interface ZipReader extends AsyncDisposable {
  has(name: string): boolean;
  /**
   * Streams the content of an entry. The size is not limited: the caller counts the bytes.
   * @throws AppError validation_error when the entry is missing or cannot be unpacked
   */
  chunks(name: string): AsyncGenerator<Uint8Array>;
  /**
   * Reads the whole content of an entry and verifies its checksum.
   * @throws AppError validation_error, also when the content is longer than `maxBytes`
   */
  bytes(name: string, maxBytes: number): Promise<Buffer>;
}

/**
 * Opens an archive (PKWARE APPNOTE 6.3.10, stored or deflated entries, ZIP64) by its central directory.
 * @throws AppError validation_error when it is not a ZIP archive, exceeds the bounds, has duplicate names, or has a
 *   path that leaves the archive
 */
export async function openZip(path: string, bounds: ZipBounds): Promise<ZipReader> {
  const archive = await readable("", () => openPromise(path, { autoClose: false }));
  try {
    const entries = await listEntries(archive, bounds);
    return createReader(path, archive, entries);
  } catch (error) {
    archive.close();
    throw error;
  }
}

async function listEntries(archive: ZipFile, bounds: ZipBounds): Promise<Map<string, Entry>> {
  if (archive.entryCount > bounds.maxEntries) {
    throw badZip("", `holds more than ${bounds.maxEntries} files`);
  }
  const entries = new Map<string, Entry>();
  await readable("", async () => {
    for await (const entry of archive.eachEntry()) {
      const name = entry.fileName;
      if (entry.fileNameLength > bounds.maxNameBytes) throw badZip("", "holds a name too long");
      if (entries.has(name)) throw badZip(name, "is in it twice");
      entries.set(name, entry);
    }
  });
  return entries;
}

function createReader(
  path: string,
  archive: ZipFile,
  entries: ReadonlyMap<string, Entry>,
): ZipReader {
  async function* chunks(name: string): AsyncGenerator<Uint8Array> {
    const entry = entries.get(name);
    if (!entry) throw badZip(name, "is missing");
    if (entry.isEncrypted()) throw badZip(name, "is encrypted");
    const unpack = methods.get(entry.compressionMethod);
    if (!unpack) throw badZip(name, "uses an unsupported compression method");
    const header = () => archive.readLocalFileHeaderPromise(entry, { minimal: true });
    const { fileDataStart: start } = await readable(name, header);
    const unpacked = unpack(range(path, start, start + entry.compressedSize));
    try {
      for (;;) {
        const { done, value } = await readable(name, () => unpacked.next());
        if (done) return;
        yield value;
      }
    } finally {
      await unpacked.return();
    }
  }

  return {
    has: (name) => entries.has(name),
    chunks,
    async bytes(name, maxBytes) {
      const read: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of chunks(name)) {
        bytes += chunk.byteLength;
        if (bytes > maxBytes) throw badZip(name, `is longer than ${maxBytes} bytes`);
        read.push(chunk);
      }
      const whole = Buffer.concat(read);
      if (crc32(whole) !== entries.get(name)?.crc32) throw badZip(name, "is damaged");
      return whole;
    },
    [Symbol.asyncDispose]: async () => archive.close(),
  };
}

type Chunks = AsyncGenerator<Uint8Array, void, void>;

/**
 * 4.4.5. Entries are unpacked here: yauzl throws an uncatchable error when it is closed while one of its streams is
 * abandoned.
 */
const methods = new Map<number, (packed: Chunks) => Chunks>([
  [0, (packed) => packed],
  [8, inflate],
]);

async function* inflate(packed: Chunks): Chunks {
  const unpacked = createInflateRaw();
  // The loop below throws the errors of both streams.
  pipeline(Readable.from(packed), unpacked, () => {});
  for await (const chunk of unpacked) yield chunk as Uint8Array;
}

async function* range(path: string, start: number, end: number): Chunks {
  await using file = await open(path);
  for (let at = start; at < end;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error("the archive ends too early");
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/**
 * Replaces yauzl's errors, which name offsets and methods, with messages for the sender. Disk errors pass unchanged.
 */
async function readable<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isDiskError = code !== undefined && /^E[A-Z]+$/.test(code);
    if (isDiskError || error instanceof AppError) throw error;
    throw badZip(name, name === "" ? "is not a zip, or is damaged" : "cannot be unpacked", error);
  }
}

function badZip(name: string, reason: string, cause?: unknown): Error {
  const error = invalid(
    `The archive cannot be read: ${name === "" ? "it" : "a file of it"} ${reason}.`,
    [{ path: name, message: reason }],
  );
  error.cause = cause;
  return error;
}
