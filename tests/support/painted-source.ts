import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { Painting, Region } from "#generation-parameters";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { readMask } from "#media/pictures/mask";
import { type PaintedParts, renderPainting } from "#media/pictures/painting";

const decodeLimits = {
  budget: createDecodeBudget(defaultBudget),
  timeoutSeconds: 30,
};

/** A picture in which every pixel differs from its neighbours. */
export function speckled(width: number, height: number): Promise<Buffer> {
  const data = Buffer.from(
    Array.from({ length: width * height * 3 }, (_, at) => (at * 7919 + (at >> 3) * 31) % 256),
  );
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A mask of this size: white in the box, black elsewhere. */
export function boxMask(width: number, height: number, box: Region): Promise<Buffer> {
  const white = { create: { ...sizeOf(box), channels: 3 as const, background: "#fff" } };
  return sharp({ create: { width, height, channels: 3, background: "#000" } })
    .composite([{ input: white, left: box.x, top: box.y }])
    .png()
    .toBuffer();
}

const sizeOf = ({ width, height }: Region) => ({ width, height });

/** The parts of a picture to paint, as an activity renders them. */
export async function partsOf(
  picture: Uint8Array,
  change: Painting & { mask?: Uint8Array; work: { width: number; height: number } },
): Promise<PaintedParts> {
  return withFile(picture, async (path) => {
    const mask = change.mask && (await maskOf(change.mask)).png;
    return renderPainting(path, { ...change, mask: mask ?? null }, decodeLimits);
  });
}

export const maskOf = (bytes: Uint8Array) =>
  withFile(bytes, (path) => readMask(path, decodeLimits));

async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "painted-"));
  try {
    const path = join(folder, "picture");
    await Bun.write(path, bytes);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The pixels of a picture as RGB. */
export async function rgbOf(bytes: Uint8Array) {
  const { data, info } = await sharp(bytes)
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { width, height, at: (x: number, y: number) => data.readUIntBE((y * width + x) * 3, 3) };
}

/** How many pixels inside and outside of `box` differ between two pictures; the first lies at `x`, `y` of the second. */
export async function differences(
  before: Uint8Array,
  after: Uint8Array,
  { box, x: left, y: top }: { box: Region; x: number; y: number },
): Promise<{ inside: number; outside: number }> {
  const [old, now] = [await rgbOf(before), await rgbOf(after)];
  const found = { inside: 0, outside: 0 };
  for (let y = 0; y < old.height; y += 1) {
    for (let x = 0; x < old.width; x += 1) {
      if (old.at(x, y) === now.at(x + left, y + top)) continue;
      const isInside = x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
      found[isInside ? "inside" : "outside"] += 1;
    }
  }
  return found;
}
