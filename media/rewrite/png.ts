import { crc32 } from "node:zlib";
import { type PngChunk, signatureBytes, walkPngChunks } from "../pictures/png-chunks";
import { type Change, orientationExif } from "./change";
import { createPieces, UnsupportedStructure, type Piece, type Pieces } from "./pieces";
import type { Reader } from "./reader";

/**
 * Chunks that affect how pixels look, with their maximum length (PNG specification 3, 11.2 and 11.3, including APNG):
 * a longer one carries other data.
 */
const looks: Record<string, number> = {
  tRNS: 256,
  cHRM: 32,
  gAMA: 4,
  sBIT: 4,
  sRGB: 1,
  cICP: 4,
  mDCV: 24,
  cLLI: 8,
  bKGD: 6,
  pHYs: 9,
  acTL: 8,
  fcTL: 26,
  fdAT: Infinity,
};
const pixels: Record<string, number> = { IHDR: 13, PLTE: 768, IDAT: Infinity };
const blockBytes = 256 * 1024;
const xmpKeyword = "XML:com.adobe.xmp\0";

/**
 * Copies a PNG. Stripping removes text, EXIF, times, unknown chunks and data after the end; the frames of an animation
 * stay.
 * @throws UnsupportedStructure when it violates the format
 */
export async function rewritePng(reader: Reader, change: Change): Promise<readonly Piece[]> {
  const pieces = createPieces();
  pieces.keep(0, signatureBytes);
  let isAdded = false;
  const walked = await walkPngChunks(reader, (chunk) => {
    const { type, bytes, from, to } = chunk;
    if (type === "IDAT" && !isAdded) {
      const added = addition(change);
      if (added) pieces.add(added);
      isAdded = true;
    }
    if (type === "IEND") {
      if (change.kind === "strip") pieces.add(chunkOf("IEND", Buffer.alloc(0)));
      else pieces.keep(from, reader.bytes);
    } else if (change.kind === "stamp") {
      if (!isXmp(chunk)) pieces.keep(from, to);
    } else if (isKept(type, bytes)) {
      pieces.keep(from, to);
    } else if (type === "iCCP") {
      return keepNamelessProfile(pieces, reader, chunk).then(() => true);
    }
    return true;
  });
  if (walked !== "to the end") throw new UnsupportedStructure("no end found");
  return pieces.list;
}

function isKept(type: string, bytes: number): boolean {
  const most = pixels[type];
  if (most !== undefined && bytes <= most) return true;
  // An upper-case first letter marks a critical chunk: without it, decoding goes wrong.
  if (/^[A-Z]/.test(type)) throw new UnsupportedStructure("a critical chunk");
  return Object.hasOwn(looks, type) && bytes <= looks[type]!;
}

function addition(change: Change): Buffer | undefined {
  if (change.kind === "stamp") {
    // No compression, no language, no translated keyword.
    return chunkOf("iTXt", Buffer.from(`${xmpKeyword}\0\0\0\0${change.xmp}`));
  }
  const exif = orientationExif(change.orientation);
  return exif && chunkOf("eXIf", exif);
}

/** Keeps the profile itself, however large, and removes its name; so its checksum is recomputed. */
async function keepNamelessProfile(pieces: Pieces, reader: Reader, chunk: PngChunk): Promise<void> {
  const nameEnd = chunk.peek.indexOf(0);
  if (nameEnd === -1) throw new UnsupportedStructure("a profile without a name");
  const [from, to] = [chunk.from + 8 + nameEnd, chunk.from + 8 + chunk.bytes];
  const head = Buffer.from("\0\0\0\0iCCPICC", "latin1");
  head.writeUInt32BE("ICC".length + to - from, 0);
  let crc = crc32(head.subarray(4));
  for (let part = from; part < to; part += blockBytes) {
    crc = crc32(await reader.exactly(part, Math.min(blockBytes, to - part)), crc);
  }
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc);
  pieces.add(head);
  pieces.keep(from, to);
  pieces.add(checksum);
}

function isXmp({ type, peek }: PngChunk): boolean {
  return type === "iTXt" && peek.toString("latin1", 0, xmpKeyword.length) === xmpKeyword;
}

function chunkOf(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
}
