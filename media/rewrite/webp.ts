import { type Change, orientationExif } from "./change";
import { createPieces, UnsupportedStructure, type Piece, sumBytes } from "./pieces";
import type { Reader } from "./reader";

/** RFC 9649, 2.7: flags of the extended header. */
const flag = { animation: 0x02, xmp: 0x04, exif: 0x08, alpha: 0x10, icc: 0x20 };
const pictures = new Set(["VP8 ", "VP8L", "ALPH"]);
const headBytes = 12;
/** Position, size, duration and flags of a frame, before its own chunks. */
const frameHeadBytes = 16;

type Chunk = { type: string; from: number; dataFrom: number; dataTo: number; to: number };

/**
 * Copies a WebP. Stripping removes EXIF, XMP, unknown chunks (also in frames of an animation) and data after the end.
 * @throws UnsupportedStructure when it violates the format
 */
export async function rewriteWebp(reader: Reader, change: Change): Promise<readonly Piece[]> {
  const riffEnd = 8 + (await reader.exactly(4, 4)).readUInt32LE(0);
  // Missing padding after the last chunk is a common mistake.
  if (riffEnd > reader.bytes + 1) throw new UnsupportedStructure("ends too early");
  const chunks = await readChunks(reader, headBytes, Math.min(riffEnd, reader.bytes));
  const body = createPieces();
  const exif = change.kind === "strip" ? orientationExif(change.orientation) : undefined;
  const xmp = change.kind === "stamp" ? Buffer.from(change.xmp) : undefined;

  for (const chunk of chunks) {
    const { type, dataFrom, dataTo } = chunk;
    if (type === "VP8X") continue;
    if (change.kind === "stamp") {
      if (type !== "XMP ") body.keep(chunk.from, chunk.to);
    } else if (pictures.has(type) || type === "ICCP") {
      keepChunk(body, chunk);
    } else if (type === "ANIM") {
      body.add(chunkOf(type, await reader.exactly(dataFrom, 6)));
    } else if (type === "ANMF") {
      for (const piece of await strippedFrame(reader, dataFrom, dataTo)) {
        if ("to" in piece) body.keep(piece.from, piece.to);
        else body.add(piece);
      }
    }
  }
  if (exif) body.add(chunkOf("EXIF", exif));
  if (xmp) body.add(chunkOf("XMP ", xmp));

  const header = await extendedHeader(reader, chunks, { exif, xmp, change });
  const all = header ? [header, ...body.list] : body.list;
  const riff = Buffer.from("RIFF\0\0\0\0WEBP", "latin1");
  riff.writeUInt32LE(4 + sumBytes(all), 4);
  const tail: Piece[] =
    change.kind === "stamp" && riffEnd < reader.bytes ? [{ from: riffEnd, to: reader.bytes }] : [];
  return [riff, ...all, ...tail];
}

async function readChunks(reader: Reader, start: number, end: number): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let from = start; from + 8 <= end;) {
    const head = await reader.exactly(from, 8);
    const dataFrom = from + 8;
    const dataTo = dataFrom + head.readUInt32LE(4);
    if (dataTo > end) throw new UnsupportedStructure("ends too early");
    const to = Math.min(dataTo + ((dataTo - dataFrom) % 2), end);
    chunks.push({ type: head.toString("latin1", 0, 4), from, dataFrom, dataTo, to });
    if (chunks.length > 10_000) throw new UnsupportedStructure("too many chunks");
    from = to;
  }
  return chunks;
}

/** Writes new padding, because the file's own padding may hide data. */
function keepChunk(pieces: ReturnType<typeof createPieces>, { from, dataFrom, dataTo }: Chunk) {
  pieces.keep(from, dataTo);
  if ((dataTo - dataFrom) % 2 === 1) pieces.add(Buffer.alloc(1));
}

async function strippedFrame(reader: Reader, from: number, to: number): Promise<readonly Piece[]> {
  const inner = createPieces();
  for (const chunk of await readChunks(reader, from + frameHeadBytes, to)) {
    if (pictures.has(chunk.type)) keepChunk(inner, chunk);
  }
  const head = Buffer.alloc(8 + frameHeadBytes, "ANMF", "latin1");
  head.writeUInt32LE(frameHeadBytes + sumBytes(inner.list), 4);
  (await reader.exactly(from, frameHeadBytes)).copy(head, 8);
  return [head, ...inner.list];
}

/** The header for the chunks that are kept; a simple file gets one when metadata is added. */
async function extendedHeader(
  reader: Reader,
  chunks: Chunk[],
  { exif, xmp, change }: { exif?: Buffer | undefined; xmp?: Buffer | undefined; change: Change },
): Promise<Buffer | undefined> {
  const [first] = chunks;
  if (!first) throw new UnsupportedStructure("no chunks");
  const has = (type: string) => chunks.some((chunk) => chunk.type === type);
  const isExtended = first.type === "VP8X";
  if (!isExtended && !exif && !xmp) return undefined;

  const data = Buffer.alloc(10);
  if (isExtended) {
    const old = await reader.exactly(first.dataFrom, 10);
    data[0] = old[0]! & (flag.alpha | flag.animation);
    old.copy(data, 4, 4, 10);
  } else {
    const { width, height, hasAlpha } = await readSimpleHeader(reader, first);
    data[0] = hasAlpha ? flag.alpha : 0;
    data.writeUIntLE(width - 1, 4, 3);
    data.writeUIntLE(height - 1, 7, 3);
  }
  if (has("ICCP") && isExtended) data[0]! |= flag.icc;
  if (exif || (change.kind === "stamp" && has("EXIF"))) data[0]! |= flag.exif;
  if (xmp) data[0]! |= flag.xmp;
  return chunkOf("VP8X", data);
}

/** RFC 6386, 9.1, and RFC 9649, 3.4: sizes of a lossy and of a lossless bitstream. */
async function readSimpleHeader(reader: Reader, { type, dataFrom }: Chunk) {
  const head = await reader.exactly(dataFrom, 10);
  if (type === "VP8 ") {
    const width = head.readUInt16LE(6) & 0x3fff;
    return { width, height: head.readUInt16LE(8) & 0x3fff, hasAlpha: false };
  }
  if (type !== "VP8L") throw new UnsupportedStructure("the picture does not come first");
  const bits = head.readUInt32LE(1);
  const width = (bits & 0x3fff) + 1;
  return { width, height: ((bits >>> 14) & 0x3fff) + 1, hasAlpha: ((bits >>> 28) & 1) === 1 };
}

function chunkOf(type: string, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8, type, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}
