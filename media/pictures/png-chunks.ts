import { onStorage } from "../storage/faults";
import { createReader, type Reader } from "../rewrite/reader";

export const signatureBytes = 8;
/** Length and type. */
const headBytes = 8;
const checksumBytes = 4;
/** The longest keyword of a text or profile, with its NUL (PNG specification 3, 11.3.2.3 and 11.3.3). */
const peekBytes = 80;
/** Real writers stay below, even with finely split pixels; limits the cost of a file of empty chunks. */
const maxChunks = 50_000;

/** Where a chunk begins in the file, and the length of its data. */
export type ChunkPlace = Readonly<{ from: number; bytes: number }>;

/** A chunk of which only the first bytes have been read. */
export type PngChunk = ChunkPlace &
  Readonly<{
    type: string;
    /** Where the next chunk begins. */
    to: number;
    /** The first bytes of the data, at most `peekBytes`. */
    peek: Buffer;
  }>;

/** Returns false to end the walk. */
type Take = (chunk: PngChunk) => boolean | Promise<boolean>;

/** `broken`: a chunk does not fit into the file, or there are more than any writer produces. */
type Walked = "to the end" | "stopped" | "broken";

/**
 * Passes a PNG's chunks to `take` in order, up to and including `IEND`, until it returns false. Only chunk headers are
 * read. Chunks within one window of the reader are passed without a turn of the event loop: a promise for each would
 * cost more than the chunk.
 */
export async function walkPngChunks(reader: Reader, take: Take): Promise<Walked> {
  let held: Buffer = Buffer.alloc(0);
  let heldAt = 0;
  let at = signatureBytes;
  for (let count = 0; count < maxChunks; count += 1) {
    const wanted = Math.min(headBytes + peekBytes, reader.bytes - at);
    if (wanted < headBytes) return "broken";
    if (at + wanted > heldAt + held.length) {
      await reader.exactly(at, wanted);
      held = await reader.from(at);
      heldAt = at;
    }
    const start = at - heldAt;
    const bytes = held.readUInt32BE(start);
    const dataAt = start + headBytes;
    const type = held.toString("latin1", start + 4, dataAt);
    const to = at + headBytes + bytes + checksumBytes;
    if (to > reader.bytes) return "broken";
    const peek = held.subarray(dataAt, dataAt + Math.min(bytes, peekBytes));
    const taken = take({ type, bytes, from: at, to, peek });
    if (!(typeof taken === "boolean" ? taken : await taken)) return "stopped";
    if (type === "IEND") return "to the end";
    at = to;
  }
  return "broken";
}

/** The same for a file. In a damaged file the walk ends at the damage. */
export async function walkPngFile(path: string, take: Take): Promise<void> {
  await onStorage(async () => {
    const file = Bun.file(path);
    // Otherwise a missing file would look empty.
    await file.stat();
    await walkPngChunks(createReader(file), take);
  });
}

/** A chunk's data. */
export async function readPngChunk(path: string, { from, bytes }: ChunkPlace): Promise<Buffer> {
  const at = from + headBytes;
  const data = Bun.file(path).slice(at, at + bytes);
  return onStorage(async () => Buffer.from(await data.arrayBuffer()));
}
