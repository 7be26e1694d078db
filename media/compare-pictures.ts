import { sharp } from "./decoder";
import type { DecodeLimits } from "./pixel-budget";
import { decodeFault } from "./rejection";

/** How far two pictures are from each other. */
export type PictureDistance =
  | { state: "other size" }
  /** The mean difference of a channel's value, 0 to 255; 0: every pixel is the same. */
  | { state: "compared"; distance: number };

/**
 * Compares the pixels of two PNGs, whatever else the files hold.
 * @param pixels of the larger one, for the budget
 * @throws AppError image_rejected when one of them cannot be decoded
 */
export async function comparePictures(
  paths: readonly [string, string],
  pixels: number,
  limits: DecodeLimits,
): Promise<PictureDistance> {
  return limits.budget.spend(2 * pixels, async () => {
    try {
      const [one, other] = [await decode(paths[0], limits), await decode(paths[1], limits)];
      const isSameSize =
        one.info.width === other.info.width && one.info.height === other.info.height;
      if (!isSameSize) return { state: "other size" };
      return { state: "compared", distance: meanDifference(one.data, other.data) };
    } catch (error) {
      throw decodeFault(error);
    }
  });
}

/** Four channels of eight bits, whatever the file has. */
function decode(path: string, { timeoutSeconds }: DecodeLimits) {
  return sharp(path, { failOn: "truncated" })
    .timeout({ seconds: timeoutSeconds })
    .toColourspace("srgb")
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
}

function meanDifference(one: Uint8Array, other: Uint8Array): number {
  if (Buffer.compare(one, other) === 0) return 0;
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += Math.abs(one[at]! - other[at]!);
  // Alpha is the same in both: three channels count.
  return sum / ((one.length / 4) * 3);
}
