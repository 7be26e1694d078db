import type { MaskFill, Painting, Region } from "#generation-parameters";
import type { DecodeLimits } from "./decode-budget";
import { reencodeBytes } from "./decode-memory";
import { sharp } from "./decoder";
import { inspectImage } from "./inspect";
import { encodeGrey } from "./mask";
import { usePicture } from "./open-picture";
import { decodeFault, unsupportedType } from "./rejection";
import { sniffFile } from "./sniff";

type Size = { width: number; height: number };
type Grey = Size & { data: Uint8Array };

/** The pictures that InvokeAI needs to paint a part of a source, as PNG, by their roles. */
export type PaintedParts = {
  /** The region at the size at which it is painted; what has to be filled first is transparent. */
  work: Uint8Array;
  /** The mask at that size: black is painted. */
  mask: Uint8Array;
  /** The region at its own size, onto which the result is blended. */
  base: Uint8Array;
  /** The mask for blending, at that size: what is pure white stays as it is, bit for bit. */
  blend: Uint8Array;
  /** The whole canvas, if the region is only a part of it. */
  canvas: Uint8Array | null;
};

/** Fills that InvokeAI makes from transparent pixels; the others start from opaque ones. */
const transparentFills: ReadonlySet<MaskFill> = new Set(["cv2", "tile", "patchmatch", "lama"]);

/** Where the source lies on the canvas, and how large that is. */
export function canvasOf(source: Size, { expand }: Pick<Painting, "expand">): Region {
  const { top = 0, right = 0, bottom = 0, left = 0 } = expand ?? {};
  return {
    x: left,
    y: top,
    width: source.width + left + right,
    height: source.height + top + bottom,
  };
}

/**
 * Renders the parts from a stored picture. Of the weight of a pixel only the caller's mask decides: outside of it, and
 * outside of `expand`, nothing is blended.
 * @param mask white is painted; null: only what `expand` adds
 * @param work the size at which the region is painted
 * @throws AppError image_rejected when the source cannot be decoded
 */
export async function renderPainting(
  path: string,
  change: Painting & { mask: Uint8Array | null; work: Size },
  decodeLimits: DecodeLimits,
): Promise<PaintedParts> {
  const mimeType = await sniffFile(path);
  if (!mimeType) throw unsupportedType("The stored picture has an unknown type.");
  const image = await inspectImage(path, mimeType);
  return decodeLimits.budget.spend(2 * reencodeBytes(image, "image/png"), async () => {
    try {
      const source = await usePicture(path, image, decodeLimits, (picture) =>
        picture
          .toColourspace("srgb")
          .removeAlpha()
          .raw({ depth: "uchar" })
          .toBuffer({ resolveWithObject: true }),
      );
      return await render(source, change);
    } catch (error) {
      throw decodeFault(error);
    }
  });
}

async function render(
  source: { data: Buffer; info: Size & { channels: number } },
  change: Painting & { mask: Uint8Array | null; work: Size },
): Promise<PaintedParts> {
  const { width, height, channels } = source.info;
  const { work, maskBlur = 0, expand } = change;
  const canvas = canvasOf(source.info, change);
  const region = change.region ?? { ...canvas, x: 0, y: 0 };
  const isWhole = region.width === canvas.width && region.height === canvas.height;
  const sides = {
    top: canvas.y,
    left: canvas.x,
    bottom: canvas.height - height - canvas.y,
    right: canvas.width - width - canvas.x,
  };
  const raw = { width, height, channels: channels as 1 | 3 };
  // Two passes: sharp cuts before it extends, whatever the order of the calls.
  const whole = await sharp(source.data, { raw })
    .toColourspace("srgb")
    .extend({ ...sides, background: "#000" })
    .png({ compressionLevel: 3 })
    .toBuffer();
  const base = isWhole ? whole : await cut(whole, region);

  const drawn = change.mask === null ? null : await greyOf(change.mask, { width, height });
  const own = drawn ?? { width, height, data: new Uint8Array(width * height) };
  const weights = cutGrey(placed(own, canvas), region);
  const soft = maskBlur > 0 ? await fadedInside(weights, maskBlur) : weights;
  const isScaled = work.width !== region.width || work.height !== region.height;
  const workWeights = isScaled ? await scaled(weights, work) : weights;

  const fill = change.maskFill ?? "source";
  const blank: Grey = { width, height, data: new Uint8Array(width * height) };
  const hole =
    fill === "source"
      ? expand && cutGrey(placed(blank, canvas), region)
      : transparentFills.has(fill)
        ? weights
        : undefined;
  return {
    work: await workOf(base, hole, work),
    mask: await invertedPng(workWeights),
    base,
    blend: await invertedPng(soft),
    canvas: isWhole ? null : whole,
  };
}

function cut(png: Uint8Array, { x: left, y: top, width, height }: Region): Promise<Buffer> {
  return sharp(png).extract({ left, top, width, height }).png({ compressionLevel: 3 }).toBuffer();
}

/** The region at the size at which it is painted, transparent where `hole` weighs anything. */
async function workOf(base: Uint8Array, hole: Grey | undefined, work: Size): Promise<Buffer> {
  const resized = sharp(base).resize({ ...work, fit: "fill" });
  const opaque = await resized.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height } = work;
  const picture = sharp(opaque.data, { raw: { width, height, channels: 3 } });
  if (!hole) return picture.png({ compressionLevel: 3 }).toBuffer();
  const { data } = await scaled(hole, work);
  const alpha = Buffer.from(data.map((weight) => (weight > 0 ? 0 : 255)));
  const channel = { raw: { width, height, channels: 1 as const } };
  return picture.joinChannel(alpha, channel).png({ compressionLevel: 3 }).toBuffer();
}

/** A mask's weights at the size of its picture. */
async function greyOf(png: Uint8Array, size: Size): Promise<Grey> {
  const { data } = await sharp(png)
    .resize({ ...size, fit: "fill" })
    .toColourspace("b-w")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { ...size, data };
}

async function scaled(grey: Grey, size: Size): Promise<Grey> {
  if (grey.width === size.width && grey.height === size.height) return grey;
  return greyOf(await encodeGrey(grey.data, grey), size);
}

/** The weights of the source on the canvas; all that is beside it is painted. */
function placed(own: Grey, { x, y, width, height }: Region): Grey {
  if (width === own.width && height === own.height) return own;
  const data = new Uint8Array(width * height).fill(255);
  for (let row = 0; row < own.height; row += 1) {
    const line = own.data.subarray(row * own.width, (row + 1) * own.width);
    data.set(line, (row + y) * width + x);
  }
  return { width, height, data };
}

function cutGrey(grey: Grey, { x, y, width, height }: Region): Grey {
  if (width === grey.width && height === grey.height) return grey;
  const data = new Uint8Array(width * height);
  for (let row = 0; row < height; row += 1) {
    const from = (row + y) * grey.width + x;
    data.set(grey.data.subarray(from, from + width), row * width);
  }
  return { width, height, data };
}

/** Fades the weights in over `pixels` from the edge of the mask inwards: none of those outside grows. */
async function fadedInside(grey: Grey, pixels: number): Promise<Grey> {
  const blurred = await sharp(await encodeGrey(grey.data, grey))
    .blur(Math.max(0.3, pixels / 2))
    .toColourspace("b-w")
    .raw()
    .toBuffer();
  const data = grey.data.map((weight, at) => {
    // At a straight edge the blurred mask is half white.
    const share = Math.min(1, Math.max(0, (2 * blurred[at]!) / 255 - 1));
    return Math.round(weight * share);
  });
  return { ...grey, data };
}

function invertedPng(grey: Grey): Promise<Buffer> {
  return encodeGrey(
    grey.data.map((weight) => 255 - weight),
    grey,
  );
}
