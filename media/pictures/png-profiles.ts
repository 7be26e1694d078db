import type { PngTexts } from "./png-text";

/** Metadata blocks of other formats in a PNG. */
export type PngProfiles = Readonly<{
  exif: Buffer | undefined;
  xmp: Buffer | undefined;
  iptc: Buffer | undefined;
}>;

const maxBytes = 1_048_576;
/** Two digits per byte, and line breaks. */
const maxHexBytes = 3 * maxBytes;
const names = ["exif", "APP1", "xmp", "iptc", "8bim"] as const;
const keywords = names.map((name) => `Raw profile type ${name}` as const);
const exifIntro = "Exif\0\0";
const xmpIntro = "http://ns.adobe.com/xap/1.0/\0";

/**
 * Reads EXIF from its chunk, before or after the pixels, and all three blocks from the hexadecimal texts that
 * ImageMagick writes.
 */
export async function readPngProfiles(png: PngTexts): Promise<PngProfiles> {
  const exif = await png.readExif(maxBytes);
  const texts = await png.read(keywords, maxHexBytes);
  const raw = (name: (typeof names)[number]) => bytesOf(texts[`Raw profile type ${name}`]);
  const segment = raw("APP1");
  const is = (intro: string) => segment?.toString("latin1", 0, intro.length) === intro;
  return {
    exif: exif ?? raw("exif") ?? (is(exifIntro) ? segment : undefined),
    xmp: raw("xmp") ?? (is(xmpIntro) ? segment?.subarray(xmpIntro.length) : undefined),
    iptc: raw("iptc") ?? raw("8bim"),
  };
}

/** The text has a line with the name, a line with the length, and lines of digits. */
function bytesOf(text: string | undefined): Buffer | undefined {
  const found = /^\s*\w+\s+\d+\s/.exec(text?.slice(0, 200) ?? "");
  if (text === undefined || !found) return undefined;
  const digits = text.slice(found[0].length).replace(/\s+/g, "");
  const bytes = Buffer.from(digits, "hex");
  return bytes.length === 0 ? undefined : bytes;
}
