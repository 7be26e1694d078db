import { type Change, orientationExif } from "./change";
import { createPieces, UnsupportedStructure, type Piece, type Pieces } from "./pieces";
import type { Reader } from "./reader";

/** ITU-T T.81, table B.1. */
const marker = { soi: 0xd8, eoi: 0xd9, sos: 0xda, app0: 0xe0, app1: 0xe1, app2: 0xe2, app14: 0xee };
const frames = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
/** DHT, DAC, DQT, DNL, DRI, DHP, EXP: tables that decoding needs. */
const tables = [0xc4, 0xcc, 0xdb, 0xdc, 0xdd, 0xde, 0xdf];
const needed = new Set([...frames, ...tables]);

const exifName = "Exif\0\0";
const xmpName = "http://ns.adobe.com/xap/1.0/\0";
const iccName = "ICC_PROFILE\0";
const maxSegmentData = 65_533;
/** A picture with many scans has a few hundred segments; each costs some reads. */
const maxSegments = 10_000;

type Segment = { code: number; from: number; to: number; data: Buffer };

/**
 * Copies a JPEG. Stripping removes everything after the first end marker: motion pictures, gain maps and further
 * pictures with their own EXIF.
 * @throws UnsupportedStructure when it violates the format
 */
export async function rewriteJpeg(reader: Reader, change: Change): Promise<readonly Piece[]> {
  const pieces = createPieces();
  pieces.keep(0, 2);
  let isAdded = false;
  let at = 2;
  for (let segments = 0; segments < maxSegments; segments += 1) {
    const { code, from } = await findMarker(reader, at, "segments");
    if (code === marker.eoi) {
      pieces.keep(from, change.kind === "strip" ? from + 2 : reader.bytes);
      return pieces.list;
    }
    const segment = await readSegment(reader, code, from);
    if (!isAdded && !isLeading(segment)) {
      const added = addition(change);
      if (added) pieces.add(added);
      isAdded = true;
    }
    at = segment.to;
    if (code === marker.sos) {
      at = (await findMarker(reader, at, "scan")).from;
      pieces.keep(from, at);
    } else if (change.kind === "strip") {
      keepStripped(pieces, segment);
    } else if (!isNamed(segment, marker.app1, xmpName)) {
      pieces.keep(from, segment.to);
    }
  }
  throw new UnsupportedStructure("too many segments");
}

/** JFIF, and EXIF of a file that keeps it, have to come first. */
function isLeading(segment: Segment): boolean {
  return segment.code === marker.app0 || isNamed(segment, marker.app1, exifName);
}

function addition(change: Change): Buffer | undefined {
  if (change.kind === "stamp") return segmentOf(marker.app1, xmpName, Buffer.from(change.xmp));
  const exif = orientationExif(change.orientation);
  return exif && segmentOf(marker.app1, exifName, exif);
}

function keepStripped(pieces: Pieces, segment: Segment): void {
  const { code, data } = segment;
  if (needed.has(code) || isNamed(segment, marker.app2, iccName)) {
    pieces.keep(segment.from, segment.to);
  } else if (isNamed(segment, marker.app0, "JFIF\0") && data.length >= 14) {
    // Its presence decides how colours are decoded. Without the thumbnail that may follow.
    pieces.add(segmentOf(code, "JFIF\0", Buffer.concat([data.subarray(5, 12), Buffer.alloc(2)])));
  } else if (isNamed(segment, marker.app14, "Adobe") && data.length >= 12) {
    // The last byte is the colour transform (YCC, YCCK or none); the others do not matter.
    pieces.add(segmentOf(code, "Adobe", Buffer.from([0, 100, 0, 0, 0, 0, data[11]!])));
  } else if (code !== 0xfe && (code < marker.app0 || code > 0xef)) {
    throw new UnsupportedStructure("an unknown marker");
  }
}

function isNamed(segment: Segment, code: number, name: string): boolean {
  return segment.code === code && segment.data.toString("latin1", 0, name.length) === name;
}

function segmentOf(code: number, name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  if (named.length > maxSegmentData) throw new UnsupportedStructure("more than a segment holds");
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(named.length + 2, 2);
  return Buffer.concat([head, named]);
}

async function readSegment(reader: Reader, code: number, from: number): Promise<Segment> {
  if (code !== marker.sos && !needed.has(code) && code < marker.app0) {
    throw new UnsupportedStructure("a misplaced marker");
  }
  const length = (await reader.exactly(from + 2, 2)).readUInt16BE(0);
  if (length < 2) throw new UnsupportedStructure("a segment without length");
  const to = from + 2 + length;
  return { code, from, to, data: await reader.exactly(from + 4, length - 2) };
}

/**
 * Finds the first marker from `at` on. Bytes before it are ignored, as by decoders. Within a scan, stuffed bytes and
 * restart markers are coded pixels.
 */
async function findMarker(
  reader: Reader,
  start: number,
  within: "scan" | "segments",
): Promise<{ code: number; from: number }> {
  for (let at = start; ;) {
    // So that at least two bytes are buffered; fails at the end of the file.
    await reader.exactly(at, 2);
    const held = await reader.from(at);
    const found = indexOfMarker(held, within);
    if (found !== -1) return { code: held[found + 1]!, from: at + found };
    // The last byte may be the first one of a marker.
    at += held.length - 1;
  }
}

function indexOfMarker(held: Buffer, within: "scan" | "segments"): number {
  for (let at = held.indexOf(0xff); at !== -1 && at + 1 < held.length;) {
    const code = held[at + 1]!;
    const isRestart = within === "scan" && code >= 0xd0 && code <= 0xd7;
    if (code !== 0xff && code !== 0 && !isRestart) return at;
    at = code === 0xff ? at + 1 : held.indexOf(0xff, at + 2);
  }
  return -1;
}
