import { crc32 } from "node:zlib";
import { type Change, orientationExif } from "./change";
import { createPieces, NotUnderstood, type Piece } from "./pieces";
import type { Reader } from "./reader";

/**
 * Chunks that decide how pixels look, with the most bytes each may hold (PNG specification 3, 11.2 and 11.3; APNG's
 * own are part of it): whatever is longer carries something else.
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
const signatureBytes = 8;
/** A profile comes with a name of its author's choice in front, and is read whole to be given another. */
const maxProfileBytes = 16 * 1024 * 1024;
const xmpKeyword = "XML:com.adobe.xmp\0";

/**
 * A PNG's copy. Stripped, text, EXIF, times, chunks nobody knows and what follows the end are left out; the frames of
 * an animation stay.
 * @throws NotUnderstood where it does not follow the format to its end
 */
export async function rewritePng(reader: Reader, change: Change): Promise<readonly Piece[]> {
  const pieces = createPieces();
  pieces.keep(0, signatureBytes);
  let isAdded = false;
  for (let from = signatureBytes; ;) {
    const head = await reader.exactly(from, 8);
    const bytes = head.readUInt32BE(0);
    const type = head.toString("latin1", 4, 8);
    const to = from + 12 + bytes;
    if (to > reader.bytes) throw new NotUnderstood("ends too early");
    if (type === "IDAT" && !isAdded) {
      const added = addition(change);
      if (added) pieces.add(added);
      isAdded = true;
    }
    if (type === "IEND") {
      if (change.kind === "strip") pieces.add(chunkOf("IEND", Buffer.alloc(0)));
      else pieces.keep(from, reader.bytes);
      return pieces.list;
    }
    if (change.kind === "strip") {
      if (isKept(type, bytes)) pieces.keep(from, to);
      else if (type === "iCCP") pieces.add(await namelessProfile(reader, from + 8, bytes));
    } else if (!(await isXmp(reader, type, from + 8, bytes))) {
      pieces.keep(from, to);
    }
    from = to;
  }
}

function isKept(type: string, bytes: number): boolean {
  const most = pixels[type];
  if (most !== undefined && bytes <= most) return true;
  // An upper-case letter first: decoding it wrongly without is certain.
  if (/^[A-Z]/.test(type)) throw new NotUnderstood("a critical chunk");
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

async function namelessProfile(reader: Reader, at: number, bytes: number): Promise<Buffer> {
  if (bytes > maxProfileBytes) throw new NotUnderstood("a huge profile");
  const data = await reader.exactly(at, bytes);
  const nameEnd = data.indexOf(0);
  if (nameEnd === -1 || nameEnd > 79) throw new NotUnderstood("a profile without a name");
  return chunkOf("iCCP", Buffer.concat([Buffer.from("ICC"), data.subarray(nameEnd)]));
}

async function isXmp(reader: Reader, type: string, at: number, bytes: number): Promise<boolean> {
  if (type !== "iTXt" || bytes < xmpKeyword.length) return false;
  return (await reader.exactly(at, xmpKeyword.length)).toString("latin1") === xmpKeyword;
}

function chunkOf(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
}
