import { rgbaToThumbHash } from "thumbhash";
import { sharp } from "./decoder";
import type { InspectedImage } from "./inspect";
import { openPicture } from "./open-picture";
import type { DecodeLimits } from "./pixel-budget";
import { decodeFault } from "./rejection";

/** What a picture is shown as. WebP, upright, sRGB, without metadata, never larger than the picture. */
export type DerivedImages = Readonly<{
  /** Long edge up to 1600. */
  preview: Uint8Array;
  /** Long edge up to 400. */
  thumbnail: Uint8Array;
  /** Base64. */
  thumbhash: string;
}>;

type Pixels = { data: Uint8Array; info: { width: number; height: number; channels: 3 | 4 } };

const previewSide = 1600;
const thumbnailSide = 400;
/** The format's own limit. */
const thumbhashSide = 100;

// Effort 1: the default of 4 takes 2.5 times as long for files a few percent smaller.
const webp = { quality: 80, effort: 1 } as const;

/**
 * Decodes a picture once, which is also the proof that it is whole, and derives the rest from the
 * pixels of its preview.
 * @throws AppError image_rejected when the content is damaged or truncated, or takes too long
 */
export async function deriveImages(
  path: string,
  image: InspectedImage,
  limits: DecodeLimits,
): Promise<DerivedImages> {
  return limits.budget.spend(image.heldPixels, async () => {
    try {
      const pixels = await decodePreview(path, image, limits);
      // One after another: the budget counts a picture as one job.
      const preview = await fromPixels(pixels).webp(webp).toBuffer();
      const thumbnail = await shrink(fromPixels(pixels), thumbnailSide).webp(webp).toBuffer();
      const thumbhash = await hashPixels(pixels);
      // Megabytes that the collector would only find later, behind the next picture's.
      (pixels.data.buffer as ArrayBuffer).transfer(0);
      return { preview, thumbnail, thumbhash };
    } catch (error) {
      throw decodeFault(error);
    }
  });
}

async function decodePreview(
  path: string,
  image: InspectedImage,
  limits: DecodeLimits,
): Promise<Pixels> {
  // The decoder's output is sRGB of eight bits, whatever the profile, depth and channels of the file.
  // The turn comes after the shrinking, where it costs little.
  const source = await openPicture(path, image, limits);
  const { data, info } = await shrink(source, previewSide)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, info: { width: info.width, height: info.height, channels: channelsOf(info) } };
}

async function hashPixels(pixels: Pixels): Promise<string> {
  const { data, info } = await shrink(fromPixels(pixels), thumbhashSide)
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString("base64");
}

function fromPixels({ data, info }: Pixels) {
  return sharp(data, { raw: info });
}

function shrink(source: ReturnType<typeof sharp>, side: number) {
  return source.resize({ width: side, height: side, fit: "inside", withoutEnlargement: true });
}

function channelsOf({ channels }: { channels: number }): 3 | 4 {
  if (channels === 3 || channels === 4) return channels;
  throw new Error(`sRGB pixels with ${channels} channels`);
}
