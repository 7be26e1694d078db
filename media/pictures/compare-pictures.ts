import { sharp } from "./decoder";
import type { DecodeLimits } from "./decode-budget";
import { decodeFault } from "./rejection";

/** How much two pictures differ. */
export type PictureDistance =
  | { state: "other size" }
  /** The mean difference of a channel's value, 0 to 255; 0 means identical pixels. */
  | { state: "compared"; distance: number };

/** Both pictures at four channels, plus the decoder's worst case (16 bits, interlaced); measured. */
const bytesPerPixel = 17;

/**
 * Compares the pixels of two PNGs and ignores all other data in the files.
 * @param pixels of the larger picture, for the budget
 * @param otherSize whether a second picture of another size is scaled to the first one's
 * @throws AppError image_rejected when one of them cannot be decoded
 */
export async function comparePictures(
  paths: readonly [string, string],
  pixels: number,
  decodeLimits: DecodeLimits,
  otherSize: "is reported" | "is stretched" = "is reported",
): Promise<PictureDistance> {
  return decodeLimits.budget.spend(bytesPerPixel * pixels, async () => {
    try {
      const one = await decode(paths[0], decodeLimits);
      const { width, height } = one.info;
      const wanted = otherSize === "is stretched" ? { width, height } : undefined;
      const other = await decode(paths[1], decodeLimits, wanted);
      const isSameSize = width === other.info.width && height === other.info.height;
      if (!isSameSize) return { state: "other size" };
      return { state: "compared", distance: meanDifference(one.data, other.data) };
    } catch (error) {
      throw decodeFault(error);
    }
  });
}

/** Always four channels of eight bits. */
function decode(
  path: string,
  { timeoutSeconds }: DecodeLimits,
  size?: { width: number; height: number },
) {
  const picture = sharp(path, { failOn: "truncated" }).timeout({ seconds: timeoutSeconds });
  return (size ? picture.resize({ ...size, fit: "fill" }) : picture)
    .toColourspace("srgb")
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
}

function meanDifference(one: Uint8Array, other: Uint8Array): number {
  if (Buffer.compare(one, other) === 0) return 0;
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += Math.abs(one[at]! - other[at]!);
  // Alpha is the same in both, so only three channels count.
  return sum / ((one.length / 4) * 3);
}
