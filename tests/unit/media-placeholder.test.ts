import { expect, test } from "bun:test";
import sharp from "sharp";
import { rgbaToThumbHash } from "thumbhash";
import { placeholderUrl } from "#media/pictures/placeholder";

/** The thumbhash of a picture that is red on its left and blue on its right. */
function hashOf(width: number, height: number, alpha: number): string {
  const rgba = new Uint8Array(width * height * 4);
  for (let at = 0; at < width * height; at += 1) {
    const isLeft = at % width < width / 2;
    rgba.set([isLeft ? 220 : 10, 20, isLeft ? 10 : 220, alpha], at * 4);
  }
  return Buffer.from(rgbaToThumbHash(width, height, rgba)).toString("base64");
}

const head = "data:image/png;base64,";

test("a placeholder is a picture of a few pixels with the photo's shape and colours", async () => {
  const url = placeholderUrl(hashOf(90, 60, 255))!;
  expect(url).toStartWith(head);
  expect(url.length).toBeLessThan(300);
  const { data, info } = await sharp(Buffer.from(url.slice(head.length), "base64"))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([7, 5, 3]);
  const [left, right] = [data.subarray(0, 3), data.subarray(6 * 3, 7 * 3)];
  expect(left[0]! - left[2]!).toBeGreaterThan(100);
  expect(right[2]! - right[0]!).toBeGreaterThan(100);
});

test("a transparent photo has no placeholder, which would be visible through it", () => {
  expect(placeholderUrl(hashOf(90, 60, 120))).toBeNull();
});
