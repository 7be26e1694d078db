import { sharp } from "./decoder";
import type { DecodeLimits } from "./derive";
import type { ImageMimeType } from "./formats";
import { boundsOf, inspectImage } from "./inspect";
import { decodeFault } from "./rejection";

/** A picture that tells nothing but what it shows. */
export type StrippedImage = Readonly<{ bytes: Uint8Array; mimeType: ImageMimeType }>;

// Close to the original to the eye; the original's own settings are not known.
const quality = 92;

/**
 * The picture at its full size, made anew from its pixels: of what the file carried beside them, such as texts,
 * places, names and appended data, only the colour profile is left. Upright; of an animation the first frame.
 * @throws AppError image_rejected when it cannot be decoded
 */
export async function stripImage(
  path: string,
  mimeType: ImageMimeType,
  limits: DecodeLimits,
): Promise<StrippedImage> {
  const image = await inspectImage(path, mimeType);
  return limits.budget.spend(image.heldPixels, async () => {
    try {
      const source = sharp(path, {
        limitInputPixels: boundsOf(mimeType).pixels,
        failOn: "truncated",
        autoOrient: true,
      })
        .keepIccProfile()
        .timeout({ seconds: limits.timeoutSeconds });
      const made = encode(source, mimeType);
      return { bytes: await made.picture.toBuffer(), mimeType: made.mimeType };
    } catch (error) {
      throw decodeFault(error);
    }
  });
}

/** In its own type where that is quick to write, else in the nearest that browsers know. */
function encode(source: ReturnType<typeof sharp>, mimeType: ImageMimeType) {
  if (mimeType === "image/jpeg") {
    return { picture: source.jpeg({ quality }), mimeType: "image/jpeg" as const };
  }
  if (mimeType === "image/png" || mimeType === "image/gif") {
    return { picture: source.png(), mimeType: "image/png" as const };
  }
  return { picture: source.webp({ quality, effort: 1 }), mimeType: "image/webp" as const };
}
