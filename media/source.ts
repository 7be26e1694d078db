import { sharp } from "./decoder";
import type { DecodeLimits } from "./derive";
import { boundsOf, inspectImage } from "./inspect";
import { decodeFault } from "./rejection";
import { sniffFile } from "./sniff";
import { unsupportedType } from "./rejection";

/**
 * A stored picture as the start of a generated one: upright, sRGB, cut in its middle to the wanted shape, as PNG.
 * The other side neither turns pictures nor keeps their shape.
 * @throws AppError image_rejected when it cannot be decoded
 */
export async function prepareSource(
  path: string,
  size: { width: number; height: number },
  limits: DecodeLimits,
): Promise<Uint8Array> {
  const mimeType = await sniffFile(path);
  if (!mimeType) throw unsupportedType("The stored picture is of no known type.");
  const image = await inspectImage(path, mimeType);
  return limits.budget.spend(image.heldPixels, async () => {
    try {
      return await sharp(path, {
        limitInputPixels: boundsOf(mimeType).pixels,
        failOn: "truncated",
        autoOrient: true,
      })
        .resize({ ...size, fit: "cover" })
        .toColourspace("srgb")
        .removeAlpha()
        .timeout({ seconds: limits.timeoutSeconds })
        .png({ compressionLevel: 3 })
        .toBuffer();
    } catch (error) {
      throw decodeFault(error);
    }
  });
}
