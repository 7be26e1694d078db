import { invalid } from "#errors";
import type { Region } from "#generation-parameters";
import { sha256Of } from "#sha256";
import type { DecodeLimits } from "./decode-budget";
import { reencodeBytes } from "./decode-memory";
import { inspectImage } from "./inspect";
import { usePicture } from "./open-picture";
import { decodeFault, imageRejected, unsupportedType } from "./rejection";
import { sniffFile } from "./sniff";
import { sharp } from "./decoder";

/** A mask as it is kept: white is painted, black is kept, grey partly. */
export type ReadMask = Readonly<{
  contentHash: string;
  width: number;
  height: number;
  /** Eight bits of grey. */
  png: Uint8Array;
  /** The rectangle outside of which it is black. */
  painted: Region;
}>;

/** Pixels a side; a mask has the size of its picture. */
const maxSide = 8192;
/** A drawn mask has some 20 KB; only noise has more. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Reads a mask from a picture. How much of a pixel is painted is its brightness times its opacity: white is painted,
 * black is kept, and so is what is transparent.
 * @throws AppError unsupported_media_type, image_rejected; validation_error for a mask that paints nothing
 */
export async function readMask(path: string, decodeLimits: DecodeLimits): Promise<ReadMask> {
  const mimeType = await sniffFile(path);
  if (!mimeType) throw unsupportedType("The mask is not a picture; send it as PNG.");
  const image = await inspectImage(path, mimeType);
  const { width, height } = image;
  if (Math.max(width, height) > maxSide) {
    throw imageRejected(`A mask may have at most ${maxSide} pixels a side.`);
  }
  return decodeLimits.budget.spend(reencodeBytes(image, "image/png"), async () => {
    const { data, info } = await usePicture(path, image, decodeLimits, (picture) =>
      // Onto black: what is transparent weighs nothing.
      picture
        .flatten({ background: "#000" })
        .greyscale()
        .toColourspace("b-w")
        .raw()
        .toBuffer({ resolveWithObject: true }),
    ).catch((error: unknown) => {
      throw decodeFault(error);
    });
    const painted = boxOf(data, info);
    if (!painted) {
      throw invalid("The mask paints nothing: draw in white what is to change.", [
        { path: "mask", message: "has no white pixel" },
      ]);
    }
    const png = await encodeGrey(data, info);
    if (png.length > maxBytes) {
      throw imageRejected(`A mask may take at most ${maxBytes} bytes as PNG; draw plainer shapes.`);
    }
    return {
      contentHash: sha256Of(png),
      width: info.width,
      height: info.height,
      png: new Uint8Array(png),
      painted,
    };
  });
}

/** The rectangle that holds all pixels that are not black; undefined when there is none. */
function boxOf(data: Uint8Array, { width, height }: { width: number; height: number }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (data[at] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (bottom < 0) return undefined;
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** A PNG of one channel. */
export function encodeGrey(
  data: Uint8Array,
  { width, height }: { width: number; height: number },
): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png({ compressionLevel: 9 })
    .toBuffer();
}

/** The mean weight of a kept mask, 0–1. */
export async function meanWeight(png: Uint8Array): Promise<number> {
  const { channels } = await sharp(png).stats();
  return (channels[0]?.mean ?? 0) / 255;
}
