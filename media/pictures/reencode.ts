import { sharp } from "./decoder";
import type { DecodeLimits } from "./decode-budget";
import { reencodeBytes } from "./decode-memory";
import { type ImageMimeType, reencodedType } from "./formats";
import { boundsOf, inspectImage } from "./inspect";
import { usePicture } from "./open-picture";
import { decodeFault } from "./rejection";

// Visually close to the original, whose own settings are unknown.
const quality = 92;

/**
 * Re-encodes a picture at full size from its pixels; of all metadata only the colour profile is kept. Upright; with
 * all frames of an animation, or only the first if there are too many for memory.
 * @throws AppError image_rejected when it cannot be decoded
 */
export async function reencodeImage(
  path: string,
  mimeType: ImageMimeType,
  decodeLimits: DecodeLimits,
): Promise<Uint8Array> {
  const image = await inspectImage(path, mimeType);
  const { pixels } = boundsOf(mimeType);
  const animated = mimeType === "image/gif" && image.width * image.height * image.pages <= pixels;
  const form = animated ? image : { ...image, pages: 1 };
  const type = reencodedType(mimeType, image.hasAlpha);
  return decodeLimits.budget.spend(reencodeBytes(form, type), async () => {
    try {
      if (!animated) {
        return await usePicture(path, image, decodeLimits, (picture) =>
          // Colours identified by code points are converted to sRGB.
          encode(image.codesProfile ? picture : picture.keepIccProfile(), type).toBuffer(),
        );
      }
      const frames = sharp(path, { limitInputPixels: pixels, failOn: "truncated", animated });
      const timed = frames.timeout({ seconds: decodeLimits.timeoutSeconds });
      return await encode(timed.keepIccProfile(), type).toBuffer();
    } catch (error) {
      throw decodeFault(error);
    }
  });
}

function encode(source: ReturnType<typeof sharp>, mimeType: ImageMimeType) {
  switch (mimeType) {
    case "image/jpeg":
      return source.jpeg({ quality });
    case "image/gif":
      return source.gif({ effort: 1 });
    case "image/webp":
      return source.webp({ quality, effort: 1 });
    default:
      return source.png();
  }
}
