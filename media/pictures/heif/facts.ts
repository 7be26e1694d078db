import type { ColourCodes } from "../colour/code-points";
import { tiffIn } from "../../metadata/exif-bytes";
import { type Box, createCursor, findBox, listBoxes } from "./boxes";
import { type Items, readItems } from "./items";

/** Facts from the boxes of a HEIF file, beyond its size. In an untrusted file any of them may be missing or wrong. */
export type HeifFacts = Readonly<{
  /** The codec of the primary picture: `hvc1` (HEVC), `av01` (AV1) or another. */
  coding: string | undefined;
  /** The colour profile (ICC), unless empty. */
  profile: Uint8Array | undefined;
  codes: ColourCodes | undefined;
  isMonochrome: boolean;
  /** More than eight bits per channel. */
  isDeep: boolean;
  /** 1, or the frames of a sequence. */
  frames: number;
  /** The TIFF structure of the EXIF block. */
  exif: Uint8Array | undefined;
  /** An XMP packet. */
  xmp: Uint8Array | undefined;
}>;

/** @param bytes the whole file */
export function readHeifFacts(bytes: Buffer): HeifFacts {
  const items = attempt(() => readItems(bytes));
  const primary = items?.primaryId;
  const part = primary === undefined ? undefined : (items?.firstPartOf(primary) ?? primary);
  const properties = [primary, part].flatMap((id) =>
    id === undefined ? [] : (items?.propertiesOf(id) ?? []),
  );
  const contents = (type: string) =>
    properties
      .filter((property) => property.type === type)
      .map(({ from, to }) => bytes.subarray(from, to));
  const colours = contents("colr");
  return {
    coding: part === undefined ? undefined : items?.typeOf(part),
    profile: colours.map(profileIn).find((profile) => profile !== undefined),
    codes: colours.map(codesIn).find((codes) => codes !== undefined),
    isMonochrome: contents("av1C").some(isMonochromeAv1) || contents("hvcC").some(isMonochromeHevc),
    isDeep: contents("av1C").some(isDeepAv1) || contents("hvcC").some(isDeepHevc),
    frames: attempt(() => countFrames(bytes)) ?? 1,
    exif: items && attempt(() => readExif(bytes, items)),
    xmp: items && readXmp(bytes, items),
  };
}

function profileIn(colour: Buffer): Uint8Array | undefined {
  const isProfile = ["prof", "rICC"].includes(colour.toString("latin1", 0, 4));
  // Programs that remove private data empty the box but keep it.
  return isProfile && colour.length > 4 + 128 ? copyOf(colour.subarray(4)) : undefined;
}

/** ISO/IEC 23008-12, `nclx`: three 16-bit code points, then the full-range bit. */
function codesIn(colour: Buffer): ColourCodes | undefined {
  if (colour.toString("latin1", 0, 4) !== "nclx" || colour.length < 11) return undefined;
  return {
    primaries: colour.readUInt16BE(4),
    transfer: colour.readUInt16BE(6),
    isFullRange: (colour[10]! & 0x80) !== 0,
  };
}

/** AV1 Codec ISO Media File Format Binding, 2.3.3. */
const isMonochromeAv1 = (config: Buffer) => ((config[2] ?? 0) & 0x10) !== 0;
const isDeepAv1 = (config: Buffer) => ((config[2] ?? 0) & 0x40) !== 0;
/** ISO/IEC 14496-15, 8.3.3.1: `bit_depth_luma_minus8`, preceded by `chroma_format_idc`. */
const isDeepHevc = (config: Buffer) => config.length > 17 && (config[17]! & 7) !== 0;
const isMonochromeHevc = (config: Buffer) => config.length > 16 && (config[16]! & 3) === 0;

/** An image sequence has tracks for its pictures, their transparency and sound. */
const maxTracks = 8;
/** The longest EXIF and XMP blocks that are read, and how many items of each kind: later readers accept no more. */
const maxBlockBytes = 2 * 1_048_576;
const maxBlocks = 8;

/** Counts the samples of the first picture track. */
function countFrames(bytes: Buffer): number {
  const movie = findBox(bytes, ["moov"]);
  const tracks = movie ? listBoxes(bytes, movie.from, movie.to) : [];
  for (const track of tracks.filter(({ type }) => type === "trak").slice(0, maxTracks)) {
    const handler = findBox(bytes, ["mdia", "hdlr"], track);
    const sizes = findBox(bytes, ["mdia", "minf", "stbl", "stsz"], track);
    if (!handler || !sizes || !isOfPictures(bytes, handler)) continue;
    const cursor = createCursor(bytes, sizes.from + 8, sizes.to);
    return Math.max(1, cursor.number(4));
  }
  return 1;
}

const isOfPictures = (bytes: Buffer, handler: Box) =>
  ["pict", "vide"].includes(bytes.toString("latin1", handler.from + 8, handler.from + 12));

/** ISO/IEC 23008-12, A.2.1: an offset, then the block. */
function readExif(bytes: Buffer, items: Items): Uint8Array | undefined {
  for (const place of placesOf(items, "Exif")) {
    if (place.to - place.from < 4 + 8) continue;
    const start = place.from + 4 + bytes.readUInt32BE(place.from);
    const tiff = tiffIn(bytes.subarray(start, place.to));
    if (tiff) return copyOf(tiff);
  }
  return undefined;
}

function readXmp(bytes: Buffer, items: Items): Uint8Array | undefined {
  const texts = placesOf(items, "mime").map(({ from, to }) => bytes.subarray(from, to));
  const packet = texts.find((text) => text.includes("rdf:RDF"));
  return packet && copyOf(packet);
}

/** The ranges of the first items of a kind, without those that are too long for such a block. */
function placesOf(items: Items, type: string): { from: number; to: number }[] {
  return items
    .idsOfType(type)
    .slice(0, maxBlocks)
    .flatMap((id) => items.placeOf(id) ?? [])
    .filter(({ from, to }) => to - from <= maxBlockBytes);
}

/** Copies, because a view would keep the whole file in memory, and posting it to a thread would copy all of it. */
const copyOf = (part: Uint8Array) => new Uint8Array(part);

/** A damaged box counts as absent; the decoder decides whether the picture is complete. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
