import { rgbaToThumbHash } from "thumbhash";
import { shrinkBytes } from "./decode-memory";
import { sharp } from "./decoder";
import type { InspectedImage } from "./inspect";
import { usePicture } from "./open-picture";
import type { DecodeLimits } from "./decode-budget";
import { decodeFault } from "./rejection";

/** The display versions of a picture. WebP, upright, sRGB, without metadata, never larger than the picture. */
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

// Effort 1: the default of 4 takes 2.5 times as long for files that are a few percent smaller.
const webp = { quality: 80, effort: 1 } as const;

/**
 * Decodes a picture once, which also proves that it is complete, and derives the rest from its preview's pixels.
 * @throws AppError image_rejected when the content is damaged or truncated, or takes too long
 */
export async function deriveImages(
  path: string,
  image: InspectedImage,
  decodeLimits: DecodeLimits,
): Promise<DerivedImages> {
  return decodeLimits.budget.spend(shrinkBytes(image), async () => {
    try {
      const pixels = await decodePreview(path, image, decodeLimits);
      // One after another: the budget counts a picture as one job.
      const preview = await fromPixels(pixels).webp(webp).toBuffer();
      const thumbnail = await shrink(fromPixels(pixels), thumbnailSide).webp(webp).toBuffer();
      const thumbhash = await hashPixels(pixels);
      // Free megabytes now: the garbage collector would run only during the next picture.
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
  decodeLimits: DecodeLimits,
): Promise<Pixels> {
  // The decoder's output is 8-bit sRGB, whatever the profile, depth and channels of the file.
  // Rotated after shrinking, which is cheaper.
  const { data, info } = await usePicture(path, image, decodeLimits, (picture) =>
    shrink(picture, previewSide).raw().toBuffer({ resolveWithObject: true }),
  );
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
