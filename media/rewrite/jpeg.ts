import { type Change, orientationExif } from "./change";
import { createPieces, NotUnderstood, type Piece, type Pieces } from "./pieces";
import type { Reader } from "./reader";

/** ITU-T T.81, table B.1. */
const marker = { soi: 0xd8, eoi: 0xd9, sos: 0xda, app0: 0xe0, app1: 0xe1, app2: 0xe2, app14: 0xee };
const frames = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];
/** DHT, DAC, DQT, DNL, DRI, DHP, EXP: tables without which the pixels cannot be decoded. */
const tables = [0xc4, 0xcc, 0xdb, 0xdc, 0xdd, 0xde, 0xdf];
const needed = new Set([...frames, ...tables]);

const exifName = "Exif\0\0";
const xmpName = "http://ns.adobe.com/xap/1.0/\0";
const iccName = "ICC_PROFILE\0";
const maxSegmentData = 65_533;

type Segment = { code: number; from: number; to: number; data: Buffer };

/**
 * A JPEG's copy. Stripped, everything behind its first end is left out: motion pictures, gain maps and further
 * pictures stand there, with their own EXIF.
 * @throws NotUnderstood where it does not follow the format to its end
 */
export async function rewriteJpeg(reader: Reader, change: Change): Promise<readonly Piece[]> {
  const pieces = createPieces();
  pieces.keep(0, 2);
  let isAdded = false;
  for (let at = 2; ;) {
    const { code, from } = await nextMarker(reader, at);
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
      at = await findScanEnd(reader, at);
      pieces.keep(from, at);
    } else if (change.kind === "strip") {
      keepBare(pieces, segment);
    } else if (!isNamed(segment, marker.app1, xmpName)) {
      pieces.keep(from, segment.to);
    }
  }
}

/** JFIF, and EXIF of one that keeps it, want to be first. */
function isLeading(segment: Segment): boolean {
  return segment.code === marker.app0 || isNamed(segment, marker.app1, exifName);
}

function addition(change: Change): Buffer | undefined {
  if (change.kind === "stamp") return segmentOf(marker.app1, xmpName, Buffer.from(change.xmp));
  const exif = orientationExif(change.orientation);
  return exif && segmentOf(marker.app1, exifName, exif);
}

function keepBare(pieces: Pieces, segment: Segment): void {
  const { code, data } = segment;
  if (needed.has(code) || isNamed(segment, marker.app2, iccName)) {
    pieces.keep(segment.from, segment.to);
  } else if (isNamed(segment, marker.app0, "JFIF\0") && data.length >= 14) {
    // Its presence decides how colours are read. Without the small picture that may follow.
    pieces.add(segmentOf(code, "JFIF\0", Buffer.concat([data.subarray(5, 12), Buffer.alloc(2)])));
  } else if (isNamed(segment, marker.app14, "Adobe") && data.length >= 12) {
    // The last byte says whether colours are YCC, YCCK or as they are; the others decide nothing.
    pieces.add(segmentOf(code, "Adobe", Buffer.from([0, 100, 0, 0, 0, 0, data[11]!])));
  } else if (code !== 0xfe && (code < marker.app0 || code > 0xef)) {
    throw new NotUnderstood("an unknown marker");
  }
}

function isNamed(segment: Segment, code: number, name: string): boolean {
  return segment.code === code && segment.data.toString("latin1", 0, name.length) === name;
}

function segmentOf(code: number, name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  if (named.length > maxSegmentData) throw new NotUnderstood("more than a segment holds");
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(named.length + 2, 2);
  return Buffer.concat([head, named]);
}

async function readSegment(reader: Reader, code: number, from: number): Promise<Segment> {
  if (code !== marker.sos && !needed.has(code) && code < marker.app0) {
    throw new NotUnderstood("a marker that has no place here");
  }
  const length = (await reader.exactly(from + 2, 2)).readUInt16BE(0);
  if (length < 2) throw new NotUnderstood("a segment without length");
  const to = from + 2 + length;
  return { code, from, to, data: await reader.exactly(from + 4, length - 2) };
}

/** The next marker; what stands before it belongs to nothing, and decoders pass over it too. */
async function nextMarker(reader: Reader, at: number): Promise<{ code: number; from: number }> {
  for (let from = at; ; from += 1) {
    from = await findFf(reader, from);
    const code = (await reader.exactly(from + 1, 1))[0]!;
    if (code !== 0xff && code !== 0) return { code, from };
  }
}

/** Where a scan's coded pixels end: at the first marker that is neither a stuffed byte nor a restart. */
async function findScanEnd(reader: Reader, at: number): Promise<number> {
  for (let from = at; ; from += 1) {
    from = await findFf(reader, from);
    const code = (await reader.exactly(from + 1, 1))[0]!;
    const isRestart = code >= 0xd0 && code <= 0xd7;
    if (code !== 0xff && code !== 0 && !isRestart) return from;
  }
}

async function findFf(reader: Reader, from: number): Promise<number> {
  for (let at = from; ;) {
    const held = await reader.from(at);
    if (held.length === 0) throw new NotUnderstood("no end of the picture");
    const found = held.indexOf(0xff);
    if (found !== -1) return at + found;
    at += held.length;
  }
}
