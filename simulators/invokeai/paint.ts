import sharp, { type Sharp } from "sharp";
import { drawScene, type SceneInput } from "./scene.ts";

// The pictures are small: threads within one would cost more than they save.
sharp.concurrency(1);

/** A picture to paint: a scene, blended over `source` if there is one. */
export type Painting = SceneInput & {
  width: number;
  height: number;
  /** Encoded picture that stays visible, more so with a lower `strength` (0–1). */
  source?: { bytes: Buffer; strength: number };
  /** Pictures that condition the image: each kind has a band of it, in its colours. */
  references?: readonly ShownReference[];
  /** Where it is white, the source stays, but for what decoding changes. */
  mask?: Buffer;
};

/** The bands from the top, one for each role of a reference. */
const bands = ["edit", "style", "composition", "control"] as const;

/** `weight`: 0 to 1. */
export type ShownReference = { band: (typeof bands)[number]; bytes: Buffer; weight: number };

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
  const opaque = await opaqueOf(bytes);
  return opaque.resize(width, height, { fit: "fill" }).raw().toBuffer();
}

/** Its pixels as RGB. Decoded first: sharp removes the alpha channel only after it has resized. */
async function opaqueOf(bytes: Buffer): Promise<Sharp> {
  const pixels = sharp(bytes).removeAlpha().toColourspace("srgb").raw();
  const { data, info } = await pixels.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } });
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

async function paintWhole({ references = [], ...painting }: Painting): Promise<Buffer> {
  const { width, height } = painting;
  const picture = await paintScene(painting);
  if (references.length === 0) return picture;
  const data = await rawOf(picture, { width, height });
  for (const [at, band] of bands.entries()) {
    const shown = references.filter((reference) => reference.band === band);
    const [top, bottom] = [at, at + 1].map((part) => Math.floor((height * part) / bands.length));
    for (const [index, { bytes, weight }] of shown.entries()) {
      const [left, right] = [index, index + 1].map((part) =>
        Math.floor((width * part) / shown.length),
      );
      const box = { top: top!, bottom: bottom!, left: left!, right: right!, width };
      tint(data, box, await averageOf(bytes), weight);
    }
  }
  return encodePng(sharp(data, { raw: { width, height, channels: 3 } }));
}

/** Blends a rectangle of the pixels with a colour, most of it where the weight is 1. */
function tint(
  data: Buffer,
  box: Record<"top" | "bottom" | "left" | "right" | "width", number>,
  colour: readonly number[],
  weight: number,
): void {
  const share = Math.min(1, Math.max(0, weight)) * 0.9;
  for (let y = box.top; y < box.bottom; y += 1) {
    for (let x = box.left; x < box.right; x += 1) {
      for (const [channel, value] of colour.entries()) {
        const at = (y * box.width + x) * 3 + channel;
        data[at] = Math.round(data[at]! * (1 - share) + value * share);
      }
    }
  }
}

async function averageOf(bytes: Buffer): Promise<number[]> {
  const { channels } = await (await opaqueOf(bytes)).stats();
  return channels.slice(0, 3).map(({ mean }) => mean);
}

async function paintScene(painting: Painting): Promise<Buffer> {
  const { width, height, source } = painting;
  const scene = sharp(Buffer.from(drawScene(painting, width, height)));
  if (source === undefined) return encodePng(scene.removeAlpha());
  const under = sharp(source.bytes).resize(width, height, { fit: "fill" }).removeAlpha();
  if (source.strength <= 0) return encodePng(under);
  // Two passes: of `removeAlpha` and `ensureAlpha`, sharp applies only the last.
  const opaque = await scene.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const over = await sharp(opaque.data, { raw: opaque.info })
    .ensureAlpha(Math.min(1, source.strength))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return encodePng(under.composite([{ input: over.data, raw: over.info }]).removeAlpha());
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
