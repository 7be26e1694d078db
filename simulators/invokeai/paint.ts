import sharp, { type Sharp } from "sharp";
import { drawScene, type SceneInput } from "./scene.ts";

/** A picture to paint: a scene, blended over `source` if there is one. */
export type Painting = SceneInput & {
  width: number;
  height: number;
  /** Encoded picture that stays visible, more so with a lower `strength` (0–1). */
  source?: { bytes: Buffer; strength: number };
  /** Where it is white, the source stays, but for what decoding changes. */
  mask?: Buffer;
};

/** Paints a PNG; equal input gives equal pixels. */
export async function paint(painting: Painting): Promise<Buffer> {
  const { mask, source: kept, ...rest } = painting;
  if (mask === undefined || kept === undefined) return paintWhole(painting);
  const painted = await paintWhole({ ...rest, source: kept });
  const size = { width: painting.width, height: painting.height };
  return blendPictures({
    under: withDecodingLoss(await rawOf(kept.bytes, size)),
    over: await rawOf(painted, size),
    mask: await rawOf(mask, size),
    ...size,
  });
}

type RawPicture = { width: number; height: number };

/** The pixels as RGB, at this size. */
export async function rawOf(bytes: Buffer, { width, height }: RawPicture): Promise<Buffer> {
  const opaque = await sharp(bytes)
    .removeAlpha()
    .toColourspace("srgb")
    .png({ compressionLevel: 0 })
    .toBuffer();
  return sharp(opaque).resize(width, height, { fit: "fill" }).raw().toBuffer();
}

/** `over` where the mask is black, `under` where it is white. */
export function blendPictures(
  layers: RawPicture & { under: Buffer; over: Buffer; mask: Buffer },
): Promise<Buffer> {
  const { width, height, under, over, mask } = layers;
  const data = under.map((below, at) => {
    const kept = mask[at]! / 255;
    return Math.round(below * kept + over[at]! * (1 - kept));
  });
  return encodePng(sharp(Buffer.from(data), { raw: { width, height, channels: 3 } }));
}

/** A VAE does not give back exactly what it was given: every value is off by one. */
function withDecodingLoss(pixels: Buffer): Buffer {
  return Buffer.from(pixels.map((value) => value ^ 1));
}

async function paintWhole(painting: Painting): Promise<Buffer> {
  const { width, height, source } = painting;
  const scene = sharp(Buffer.from(drawScene(painting, width, height)));
  if (source === undefined) return encodePng(scene.removeAlpha());
  const under = sharp(source.bytes).resize(width, height, { fit: "fill" }).removeAlpha();
  if (source.strength <= 0) return encodePng(under);
  // Two passes: of `removeAlpha` and `ensureAlpha`, sharp applies only the last.
  const opaque = await scene.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const over = await sharp(opaque.data, { raw: opaque.info })
    .ensureAlpha(Math.min(1, source.strength))
    .png({ compressionLevel: 0 })
    .toBuffer();
  return encodePng(under.composite([{ input: over }]).removeAlpha());
}

/** A small JPEG of the picture at `progress` (0–1) of its steps. */
export async function paintPreview(painting: Painting, progress: number): Promise<Buffer> {
  const side = 64;
  const scale = side / Math.max(painting.width, painting.height);
  const width = Math.max(8, Math.round(painting.width * scale));
  const height = Math.max(8, Math.round(painting.height * scale));
  const small = sharp(await paint({ ...painting, width, height }));
  const blur = 0.3 + 5 * (1 - Math.min(1, progress));
  return small.blur(blur).jpeg({ quality: 70 }).toBuffer();
}

/** Level 4 without adaptive filtering takes a third of the default's time for pictures this smooth. */
function encodePng(picture: Sharp): Promise<Buffer> {
  return picture.png({ compressionLevel: 4, adaptiveFiltering: false }).toBuffer();
}
