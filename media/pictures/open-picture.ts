import { readFile } from "node:fs/promises";
import { sharp } from "./decoder";
import { decodeHeif } from "./heif/thread";
import { boundsOf, type InspectedImage } from "./inspect";
import { readDamagedJpeg } from "./jpeg-damage";
import type { DecodeLimits } from "./decode-budget";
import { withPngProfile } from "./png-colour";
import { rewriteImage } from "../rewrite/image";
import { allocateTiff } from "./tiff";

type Picture = ReturnType<typeof sharp>;
type Limits = Pick<DecodeLimits, "timeoutSeconds">;

// A HEIC gets the usual time limit for each 12 megapixels: decoding it is ten times slower than other types, and a
// slow machine has to manage a phone's picture of 48 megapixels too.
const usualHeicPixels = 12_000_000;

/**
 * Opens a picture for `use` to decode: upright, only the first frame of an animation, with a profile for its colours.
 * Slightly broken files of old cameras and phones pass, truncated ones fail. Call it within the decode budget. `use`
 * runs a second time when a JPEG has to be read in another way.
 * @throws Error in the decoder's words, for `decodeFault`
 */
export async function usePicture<T>(
  path: string,
  image: InspectedImage,
  decodeLimits: Limits,
  use: (picture: Picture) => Promise<T>,
): Promise<T> {
  try {
    return await use(open(await sourceOf(path, image, decodeLimits), image, decodeLimits));
  } catch (error) {
    const other = image.mimeType === "image/jpeg" ? await otherWay(path, image, error) : undefined;
    if (!other) throw error;
    return use(open(other.source, image, decodeLimits, other.failOn));
  }
}

type Source = string | Uint8Array;

function open(
  source: Source,
  image: InspectedImage,
  { timeoutSeconds }: Limits,
  failOn: "truncated" | "none" = "truncated",
): Picture {
  return sharp(source, {
    limitInputPixels: boundsOf(image.mimeType).pixels,
    failOn,
    autoOrient: true,
    // Cameras write more than the 256 items that the decoder allows; our own bounds were checked before.
    unlimited: image.coding === "av1",
  }).timeout({ seconds: timeoutSeconds });
}

/** The input for sharp: the file, or converted content. */
async function sourceOf(
  path: string,
  image: InspectedImage,
  decodeLimits: Limits,
): Promise<Source> {
  const { width, height, coding, codesProfile } = image;
  if (coding === "hevc") {
    const seconds = decodeLimits.timeoutSeconds * Math.max(1, (width * height) / usualHeicPixels);
    const profile = image.profile ?? codesProfile;
    return decodeHeif({ path, width, height, profile }, seconds);
  }
  if (coding === "av1") {
    const file = withAvifBrand(await readFile(path));
    return codesProfile ? withProfile(open(file, image, decodeLimits), image, codesProfile) : file;
  }
  if (image.gifCanvas) return ontoCanvas(open(path, image, decodeLimits), image.gifCanvas);
  return codesProfile ? withPngProfile(path, codesProfile) : path;
}

/** Sequences and pictures with HEIF's general brands hold the same picture, but the decoder requires this brand. */
function withAvifBrand(file: Buffer): Buffer {
  file.write("avif", 8, "latin1");
  return file;
}

/** The decoded pixels, with the profile attached. */
async function withProfile(
  picture: Picture,
  { sampleBytes, hasAlpha }: InspectedImage,
  profile: Uint8Array,
): Promise<Uint8Array> {
  const isDeep = sampleBytes === 2;
  const { data, info } = await picture
    .toColourspace(isDeep ? "rgb16" : "srgb")
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const { file, pixels } = allocateTiff(
    { width, height, channels: hasAlpha ? 4 : 3, depth: isDeep ? 16 : 8 },
    profile,
  );
  pixels.set(data);
  return file;
}

/** Places the first frame on the canvas; the rest is transparent, as in browsers. */
async function ontoCanvas(
  picture: Picture,
  { width, height, frame }: NonNullable<InspectedImage["gifCanvas"]>,
): Promise<Uint8Array> {
  return picture
    .extract(frame)
    .ensureAlpha()
    .extend({
      left: frame.left,
      top: frame.top,
      right: width - frame.left - frame.width,
      bottom: height - frame.top - frame.height,
      background: { r: 0, g: 0, b: 0, alpha: 0 },
    })
    .png({ compressionLevel: 0 })
    .toBuffer();
}

/** Another way to read a JPEG that failed; undefined when there is none. */
async function otherWay(
  path: string,
  { orientation }: InspectedImage,
  error: unknown,
): Promise<{ source: Source; failOn: "truncated" | "none" } | undefined> {
  const said = error instanceof Error ? error.message : "";
  if (said.includes("uhdrload")) {
    // The gain map reader supports only colour pictures; the picture itself is a usual JPEG.
    const strip = { kind: "strip", orientation } as const;
    const usual = await rewriteImage(Bun.file(path), "image/jpeg", strip);
    if (!usual) return undefined;
    const source = await new Response(usual.stream(0, usual.bytes)).bytes();
    return { source, failOn: "truncated" };
  }
  // The decoder reports damage in the middle with the same words.
  const damaged = said.includes("premature end of") ? await readDamagedJpeg(path) : undefined;
  return damaged && { source: damaged, failOn: "none" };
}
