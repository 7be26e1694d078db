import ExifReader, { type ExpandedTags } from "exifreader";

/** The tags of an EXIF block that this gallery reads, by the names of the standard. */
export type ExifTags = Readonly<{
  tags: Readonly<Partial<Record<TagName, unknown>>>;
  /** Degrees, south and west negative; metres, below the sea negative. */
  gps: NonNullable<ExpandedTags["gps"]>;
}>;

type TagName = (typeof tagNames)[number];

const tagNames = [
  "Make",
  "Model",
  "LensModel",
  "ExposureTime",
  "FNumber",
  // Called PhotographicSensitivity since EXIF 2.3.
  "ISOSpeedRatings",
  "FocalLength",
  "DateTimeOriginal",
  "SubSecTimeOriginal",
  "OffsetTimeOriginal",
  "DateTimeDigitized",
  "SubSecTimeDigitized",
  "OffsetTimeDigitized",
  "UserComment",
] as const;

/** Cameras stay within the 64 KB of a JPEG segment; a WebP of ComfyUI carries its graph here. */
const maxBlockBytes = 512 * 1024;
const intro = Buffer.from("Exif\0\0", "latin1");

/**
 * Reads an EXIF block (a TIFF structure, with or without its `Exif` intro; CIPA DC-008). Blocks are untrusted
 * and often broken: what cannot be read counts as absent. The reader bounds how much it decodes
 * by the size of the block.
 */
export function readExifTags(block: Uint8Array | undefined): ExifTags {
  if (block === undefined || block.length > maxBlockBytes) return nothing;
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const tiff = bytes.subarray(0, intro.length).equals(intro) ? bytes.subarray(intro.length) : bytes;
  try {
    const { exif = {}, gps = {} } = ExifReader.load(tiff, {
      expanded: true,
      // The tags by name, so that maker notes, thumbnails and packets of XML are not looked into.
      includeTags: { exif: [...tagNames], gps: true },
    });
    // Each of the names above has a value; the reader's types know tags without.
    const found = exif as Partial<Record<TagName, { value: unknown }>>;
    return { tags: Object.fromEntries(tagNames.map((name) => [name, found[name]?.value])), gps };
  } catch {
    // Not a TIFF structure at all: the same as no block.
    return nothing;
  }
}

const nothing: ExifTags = { tags: {}, gps: {} };
