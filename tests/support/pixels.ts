import { expect } from "bun:test";
import sharp from "sharp";

/** The colour at the centre of each quadrant: top left, top right, bottom left, bottom right. */
export async function corners(image: Uint8Array): Promise<number[][]> {
  const { data, info } = await sharp(image).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => {
    const from =
      (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels;
    return [...data.subarray(from, from + info.channels)];
  };
  return [at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)];
}

/** Expects each channel within `tolerance` of `wanted`: lossy formats change them slightly. */
export function expectNear(actual: number[] | undefined, wanted: number[], tolerance = 12): void {
  const off = wanted.map((value, i) => Math.abs(value - (actual?.[i] ?? Number.NaN)));
  expect({ actual, near: off.every((distance) => distance <= tolerance) }).toEqual({
    actual,
    near: true,
  });
}
