import ExifReader, { type ExpandedTags } from "exifreader";
import { type ExifBytes, readExifBytes, tiffIn } from "./exif-bytes";
import { decodeBytes } from "./text-bytes";

/** The tags of an EXIF block that this gallery reads, by their names in the standard. */
export type ExifTags = Readonly<{
  tags: Readonly<Partial<Record<NumberTag | TextTag, unknown>>>;
  /** Degrees, negative for south and west; metres, negative below sea level. */
  gps: NonNullable<ExpandedTags["gps"]>;
  comment?: Buffer | undefined;
}>;

type NumberTag = (typeof numberTags)[number];
type TextTag = keyof typeof textTags;

const numberTags = [
  "ExposureTime",
  "FNumber",
  // Called PhotographicSensitivity since EXIF 2.3.
  "ISOSpeedRatings",
  "FocalLength",
] as const;

const textTags = {
  ImageDescription: 0x10e,
  Make: 0x10f,
  Model: 0x110,
  DateTime: 0x132,
  DateTimeOriginal: 0x9003,
  DateTimeDigitized: 0x9004,
  OffsetTime: 0x9010,
  OffsetTimeOriginal: 0x9011,
  OffsetTimeDigitized: 0x9012,
  SubSecTime: 0x9290,
  SubSecTimeOriginal: 0x9291,
  SubSecTimeDigitized: 0x9292,
  LensModel: 0xa434,
} as const;

const commentTag = 0x9286;
const gpsTags = { altitudeRef: 5, altitude: 6 };

/** ComfyUI stores its graph here in WebP files. */
const maxBlockBytes = 2 * 1_048_576;
/** Number tags are written by cameras, which stay within the 64 KB of a JPEG segment. */
const maxCameraBlockBytes = 512 * 1024;

/**
 * Reads an EXIF block (a TIFF structure, with or without a prefix; CIPA DC-008). Blocks are untrusted and often
 * broken: unreadable data counts as absent.
 */
export function readExifTags(block: Uint8Array | undefined): ExifTags {
  if (block === undefined || block.length > maxBlockBytes) return nothing;
  const tiff = tiffIn(Buffer.from(block.buffer, block.byteOffset, block.byteLength));
  if (!tiff) return nothing;
  const bytes = readExifBytes(tiff);
  const { tags, gps } = readNumbers(tiff);
  return {
    // Decoded here, because writers differ in type and encoding.
    tags: { ...tags, ...readTexts(bytes) },
    gps: { ...gps, ...altitudeOf(bytes) },
    comment: bytes.tags.get(commentTag),
  };
}

function readTexts({ tags }: ExifBytes): Partial<Record<TextTag, string>> {
  const found = Object.entries(textTags).flatMap(([name, tag]) => {
    const value = tags.get(tag);
    return value ? [[name, decodeBytes(value).replace(/\0.*$/s, "")]] : [];
  });
  return Object.fromEntries(found);
}

/** Altitudes without a reference count as above sea level; many writers omit it. */
function altitudeOf({ gps, isLittleEndian }: ExifBytes): { Altitude?: number } {
  const value = gps.get(gpsTags.altitude);
  if (value?.length !== 8) return {};
  const [above, below] = isLittleEndian
    ? [value.readUInt32LE(0), value.readUInt32LE(4)]
    : [value.readUInt32BE(0), value.readUInt32BE(4)];
  // 1: below the sea; 3: below the ellipsoid (EXIF 3.0).
  const isBelow = [1, 3].includes(gps.get(gpsTags.altitudeRef)?.[0] ?? 0);
  const metres = above / below;
  return Number.isFinite(metres) ? { Altitude: isBelow ? 0 - metres : metres } : {};
}

function readNumbers(tiff: Buffer): Pick<ExifTags, "tags" | "gps"> {
  if (tiff.length > maxCameraBlockBytes) return nothing;
  try {
    const { exif = {}, gps = {} } = ExifReader.load(tiff, {
      expanded: true,
      // The tags by name, so that maker notes, thumbnails and XML packets are not parsed.
      includeTags: { exif: [...numberTags], gps: true },
    });
    // Each of these tags has a value; the reader's types also allow tags without one.
    const found = exif as Partial<Record<NumberTag, { value: unknown }>>;
    return { tags: Object.fromEntries(numberTags.map((name) => [name, found[name]?.value])), gps };
  } catch {
    // Not a TIFF structure: the same as no block.
    return nothing;
  }
}

const nothing: ExifTags = { tags: {}, gps: {} };
