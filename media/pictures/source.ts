import type { DecodeLimits } from "./decode-budget";
import { shrinkBytes } from "./decode-memory";
import { inspectImage } from "./inspect";
import { usePicture } from "./open-picture";
import { decodeFault } from "./rejection";
import { sniffFile } from "./sniff";
import { unsupportedType } from "./rejection";

/**
 * Converts a stored picture to the source of a generation: upright, sRGB, cropped at its centre to the requested
 * shape, as PNG. InvokeAI neither rotates pictures nor keeps their proportions.
 * @throws AppError image_rejected when it cannot be decoded
 */
export async function prepareSource(
  path: string,
  size: { width: number; height: number },
  decodeLimits: DecodeLimits,
): Promise<Uint8Array> {
  return toPng(path, { ...size, fit: "cover" }, decodeLimits);
}

/** The longest side of a picture that a workflow uses; a workflow works on all its pixels. */
const longestSide = 4_096;

/**
 * The same for a picture that a workflow uses as it is: whole, in its own size, at most 4 096 pixels a side.
 * @throws AppError image_rejected when it cannot be decoded
 */
export async function preparePicture(
  path: string,
  decodeLimits: DecodeLimits,
): Promise<Uint8Array> {
  const box = { width: longestSide, height: longestSide };
  return toPng(path, { ...box, fit: "inside", withoutEnlargement: true }, decodeLimits);
}

async function toPng(
  path: string,
  resize: { width: number; height: number; fit: "cover" | "inside"; withoutEnlargement?: boolean },
  decodeLimits: DecodeLimits,
): Promise<Uint8Array> {
  const mimeType = await sniffFile(path);
  if (!mimeType) throw unsupportedType("The stored picture has an unknown type.");
  const image = await inspectImage(path, mimeType);
  return decodeLimits.budget.spend(shrinkBytes(image), async () => {
    try {
      return await usePicture(path, image, decodeLimits, (picture) =>
        picture
          .resize(resize)
          .toColourspace("srgb")
          .removeAlpha()
          .png({ compressionLevel: 3 })
          .toBuffer(),
      );
    } catch (error) {
      throw decodeFault(error);
    }
  });
}
