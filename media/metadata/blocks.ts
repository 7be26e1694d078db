import { readFile } from "node:fs/promises";
import type { Metadata } from "sharp";
import { sharp } from "../pictures/decoder";
import { readHeifFacts } from "../pictures/heif/facts";
import { type PngProfiles, readPngProfiles } from "../pictures/png-profiles";
import type { PngTexts } from "../pictures/png-text";
import { type ExifTags, readExifTags } from "./exif-tags";
import { type Iptc, readIptc } from "./iptc";
import { readXmp, type Xmp } from "./xmp";

/** The three metadata blocks that a picture of any format can have. */
export type Blocks = Readonly<{ exif: ExifTags; xmp: Xmp; iptc: Iptc }>;

/**
 * Reads the file's header, not its pixels. Unreadable data counts as absent.
 * @param png the texts of a PNG
 */
export async function readBlocks(
  path: string,
  mimeType: string,
  png: PngTexts | undefined,
): Promise<Blocks> {
  const header = heifTypes.includes(mimeType) ? await heifBlocksOf(path) : await headerOf(path);
  const profiles: Partial<PngProfiles> = png ? await readPngProfiles(png) : {};
  return {
    exif: readExifTags(header.exif ?? profiles.exif),
    xmp: readXmp(header.xmp ?? profiles.xmp),
    iptc: readIptc(header.iptc ?? profiles.iptc),
  };
}

const heifTypes: readonly string[] = ["image/avif", "image/heic", "image/heif"];

type Raw = Partial<Pick<Metadata, "exif" | "xmp" | "iptc">>;

async function heifBlocksOf(path: string): Promise<Raw> {
  const { exif, xmp } = readHeifFacts(await readFile(path));
  return { ...(exif && { exif: Buffer.from(exif) }), ...(xmp && { xmp: Buffer.from(xmp) }) };
}

async function headerOf(path: string): Promise<Raw> {
  try {
    return await sharp(path, { limitInputPixels: false }).metadata();
  } catch {
    // The file was decoded when it was received. If it has been damaged since, the other facts are still shown.
    return {};
  }
}
