import { expect, test } from "bun:test";
import sharp from "sharp";
import { boxMask, maskOf, partsOf, rgbOf, speckled } from "#tests/support/painted-source";

const box = { x: 24, y: 16, width: 32, height: 24 };

/** One channel of a grey picture. */
async function greyOf(png: Uint8Array) {
  const { data, info } = await sharp(png)
    .toColourspace("b-w")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { ...info, at: (x: number, y: number) => data[y * info.width + x]! };
}

const faultOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (error: Error) => error.message,
  );

test("a mask weighs brightness times opacity, whatever its format", async () => {
  const layer = await sharp({
    create: { width: 40, height: 34, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  })
    .composite([
      {
        input: { create: { width: 10, height: 10, channels: 4, background: "#fff" } },
        left: 5,
        top: 5,
      },
      {
        input: { create: { width: 10, height: 10, channels: 4, background: "#000" } },
        left: 20,
        top: 5,
      },
    ])
    .webp({ lossless: true })
    .toBuffer();
  const mask = await maskOf(layer);
  expect(mask).toMatchObject({
    width: 40,
    height: 34,
    painted: { x: 5, y: 5, width: 10, height: 10 },
  });
  const grey = await greyOf(mask.png);
  expect([grey.channels, grey.at(8, 8), grey.at(22, 8), grey.at(0, 0)]).toEqual([1, 255, 0, 0]);
});

test("a mask that paints nothing is refused, with what to do", async () => {
  const black = await sharp({ create: { width: 40, height: 34, channels: 3, background: "#000" } })
    .png()
    .toBuffer();
  expect(await faultOf(maskOf(black))).toContain("draw in white what is to change");
  expect(await faultOf(maskOf(Buffer.from("no picture")))).toContain("The mask is not a picture");
});

test("equal masks have equal hashes, whatever their files", async () => {
  const png = await boxMask(96, 80, box);
  const webp = await sharp(png).webp({ lossless: true }).toBuffer();
  expect((await maskOf(webp)).contentHash).toBe((await maskOf(png)).contentHash);
});

test("without scaling the painted part is the source itself, and both masks are one", async () => {
  const picture = await speckled(96, 80);
  const parts = await partsOf(picture, {
    mask: await boxMask(96, 80, box),
    work: { width: 96, height: 80 },
  });
  expect(Buffer.from(parts.work).equals(parts.base)).toBe(true);
  expect(Buffer.from(parts.mask).equals(parts.blend)).toBe(true);
  expect(parts.canvas).toBeNull();
  const [source, base] = [await rgbOf(picture), await rgbOf(parts.base)];
  for (const [x, y] of [
    [0, 0],
    [95, 79],
    [30, 20],
  ] as const)
    expect(base.at(x, y)).toBe(source.at(x, y));
  const mask = await greyOf(parts.mask);
  expect([mask.at(24, 16), mask.at(55, 39), mask.at(23, 16), mask.at(56, 39)]).toEqual([
    0, 0, 255, 255,
  ]);
});

test("a region is cut out and scaled; the whole canvas comes along", async () => {
  const picture = await speckled(96, 80);
  const region = { x: 16, y: 8, width: 48, height: 40 };
  const parts = await partsOf(picture, {
    mask: await boxMask(96, 80, box),
    region,
    work: { width: 96, height: 80 },
  });
  const sizes = await Promise.all(
    [parts.work, parts.mask, parts.base, parts.blend, parts.canvas!].map(async (png) => {
      const { width, height } = await sharp(png).metadata();
      return [width, height];
    }),
  );
  expect(sizes).toEqual([
    [96, 80],
    [96, 80],
    [48, 40],
    [48, 40],
    [96, 80],
  ]);
  const [source, base, blend] = [
    await rgbOf(picture),
    await rgbOf(parts.base),
    await greyOf(parts.blend),
  ];
  expect(base.at(0, 0)).toBe(source.at(16, 8));
  expect([blend.at(7, 8), blend.at(8, 8), blend.at(39, 31), blend.at(40, 31)]).toEqual([
    255, 0, 0, 255,
  ]);
});

test("expand places the source on a larger canvas and paints only what is beside it", async () => {
  const picture = await speckled(40, 34);
  const expand = { top: 8, right: 16, bottom: 2, left: 24 };
  const parts = await partsOf(picture, { expand, work: { width: 80, height: 44 } });
  const [source, base, blend] = [
    await rgbOf(picture),
    await rgbOf(parts.base),
    await greyOf(parts.blend),
  ];
  expect([base.width, base.height]).toEqual([80, 44]);
  expect([base.at(24, 8), base.at(63, 41)]).toEqual([source.at(0, 0), source.at(39, 33)]);
  expect([
    blend.at(24, 8),
    blend.at(63, 41),
    blend.at(23, 8),
    blend.at(64, 41),
    blend.at(24, 7),
  ]).toEqual([255, 255, 0, 0, 0]);
  // What has to be filled is transparent.
  const alpha = await sharp(parts.work).extractChannel("alpha").raw().toBuffer();
  expect([alpha[8 * 80 + 24], alpha[0]]).toEqual([255, 0]);
});

test("a fade grows inwards: no pixel outside the mask is touched", async () => {
  const picture = await speckled(96, 80);
  const size = { width: 96, height: 80 };
  const parts = await partsOf(picture, {
    mask: await boxMask(96, 80, box),
    maskBlur: 6,
    work: size,
  });
  const [blend, mask] = [await greyOf(parts.blend), await greyOf(parts.mask)];
  const values: number[] = [];
  for (let y = 0; y < 80; y += 1) {
    for (let x = 0; x < 96; x += 1) {
      const isInside = x >= 24 && x < 56 && y >= 16 && y < 40;
      if (!isInside) expect(blend.at(x, y)).toBe(255);
      else values.push(blend.at(x, y));
    }
  }
  expect(blend.at(40, 28)).toBe(0);
  expect(values.filter((value) => value > 0 && value < 255).length).toBeGreaterThan(50);
  expect(mask.at(24, 16)).toBe(0);
});

test("a fill makes the hole transparent, and noise leaves it opaque", async () => {
  const picture = await speckled(96, 80);
  const mask = await boxMask(96, 80, box);
  const size = { width: 96, height: 80 };
  const filled = await partsOf(picture, { mask, maskFill: "tile", work: size });
  const alpha = await sharp(filled.work).extractChannel("alpha").raw().toBuffer();
  expect([alpha[16 * 96 + 24], alpha[16 * 96 + 23]]).toEqual([0, 255]);
  const noisy = await partsOf(picture, { mask, maskFill: "noise", work: size });
  expect((await sharp(noisy.work).metadata()).hasAlpha).toBe(false);
});
