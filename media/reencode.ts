import { sharp } from "./decoder";
import type { DecodeLimits } from "./pixel-budget";
import { type ImageMimeType, reencodedType } from "./formats";
import { boundsOf, inspectImage } from "./inspect";
import { openPicture } from "./open-picture";
import { decodeFault } from "./rejection";

// Close to the original to the eye; the original's own settings are not known.
const quality = 92;

/**
 * The picture at its full size, made anew from its pixels: of what the file carried beside them, only the colour
 * profile is left. Upright; of an animation all frames, or the first where they are too many to hold.
 * @throws AppError image_rejected when it cannot be decoded
 */
export async function reencodeImage(
  path: string,
  mimeType: ImageMimeType,
  limits: DecodeLimits,
): Promise<Uint8Array> {
  const image = await inspectImage(path, mimeType);
  const { pixels } = boundsOf(mimeType);
  const allPixels = image.width * image.height * image.pages;
  const animated = mimeType === "image/gif" && allPixels <= pixels;
  return limits.budget.spend(animated ? allPixels : image.heldPixels, async () => {
    try {
      const source = animated
        ? sharp(path, { limitInputPixels: pixels, failOn: "truncated", animated }).timeout({
            seconds: limits.timeoutSeconds,
          })
        : await openPicture(path, image, limits);
      return await encode(source.keepIccProfile(), reencodedType(mimeType)).toBuffer();
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
