import type { DecodeLimits } from "./pixel-budget";
import { inspectImage } from "./inspect";
import { openPicture } from "./open-picture";
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
      const source = await openPicture(path, image, limits);
      return await source
        .resize({ ...size, fit: "cover" })
        .toColourspace("srgb")
        .removeAlpha()
        .png({ compressionLevel: 3 })
        .toBuffer();
    } catch (error) {
      throw decodeFault(error);
    }
  });
}
