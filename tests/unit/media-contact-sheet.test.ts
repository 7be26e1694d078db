import { expect, test } from "bun:test";
import sharp from "sharp";
import { drawContactSheet } from "#media/pictures/contact-sheet";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";

const budget = createDecodeBudget(defaultBudget);
const colour = async (background: string) =>
  new Uint8Array(
    await sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .webp()
      .toBuffer(),
  );

test("pictures stand in their cells, below the heads of their columns and beside those of their rows", async () => {
  const sheet = await drawContactSheet(
    {
      title: "colours",
      columns: ["red", "green"],
      rows: ["one"],
      cells: [
        [
          { picture: await colour("#f00"), note: "" },
          { picture: await colour("#0f0"), note: "" },
        ],
      ],
    },
    budget,
  );
  const { data, info } = await sharp(sheet).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) =>
    [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)].map((value) =>
      Math.round(value / 64),
    );
  const middle = info.height - 212;
  expect(at(info.width - 212 - 408, middle)).toEqual([4, 0, 0]);
  expect(at(info.width - 212, middle)).toEqual([0, 4, 0]);
  // The heads are drawn: also where no fonts are installed.
  const isDark = (x: number, y: number) => at(x, y).every((value) => value < 2);
  const dark = { columns: 0, rows: 0 };
  for (let y = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++) {
      if (!isDark(x, y)) continue;
      if (y < info.height - 412) dark.columns += 1;
      else if (x < 190) dark.rows += 1;
    }
  }
  expect(dark.columns).toBeGreaterThan(50);
  expect(dark.rows).toBeGreaterThan(20);
});

test("text is never read as markup, and text of any length or script fails no sheet", async () => {
  const texts = ["<b>", "&", "</span>", "\u0000\u0007", "", "漢字🚤", "x".repeat(9_000), "\uD800"];
  const sheet = await drawContactSheet(
    {
      title: texts.join(""),
      columns: texts,
      rows: [],
      cells: [texts.map((note) => ({ picture: null, note }))],
    },
    budget,
  );
  expect((await sharp(sheet).metadata()).width).toBeGreaterThan(8 * 400);
});

test("the largest grid in one row has a sheet, and damaged thumbnails are shown as missing", async () => {
  const cells = Array.from({ length: 250 }, () => ({
    picture: new Uint8Array([1, 2, 3]),
    note: "no image",
  }));
  const sheet = await drawContactSheet(
    { title: "", columns: [], rows: [], cells: [cells] },
    budget,
  );
  const { width, height } = await sharp(sheet).metadata();
  expect(width).toBeLessThan(16_383);
  expect(height).toBeLessThan(500);
});
