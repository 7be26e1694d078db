import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reencodeBytes, shrinkBytes, type StoredForm } from "#media/pictures/decode-memory";
import { deriveImages } from "#media/pictures/derive";
import type { ImageMimeType } from "#media/pictures/formats";
import { inspectImage } from "#media/pictures/inspect";
import { heicGrid } from "#tests/fixtures/heic";
import { painted, plain } from "#tests/fixtures/pictures";

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-memory-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function stored(picture: Uint8Array | Promise<Uint8Array>): Promise<string> {
  const path = join(folder, `${(files += 1)}`);
  await writeFile(path, await picture);
  return path;
}

function formOf(mimeType: ImageMimeType, form: Partial<StoredForm> = {}): StoredForm {
  return {
    mimeType,
    coding: mimeType === "image/heic" ? "hevc" : mimeType === "image/avif" ? "av1" : undefined,
    copies: 0,
    width: 6000,
    height: 4000,
    channels: form.hasAlpha ? 4 : 3,
    hasAlpha: false,
    sampleBytes: 1,
    isProgressive: false,
    orientation: 1,
    pages: 1,
    ...form,
  };
}

describe("the memory estimate for a picture", () => {
  const [alpha, deep, whole] = [{ hasAlpha: true }, { sampleBytes: 2 }, { isProgressive: true }];
  const wide = { width: 30_000, height: 7_300 };

  // Megabytes by which a process grew, from docs/performance.md.
  test.each([
    ["JPEG", 22, formOf("image/jpeg")],
    ["JPEG of 219 megapixels", 26, formOf("image/jpeg", wide)],
    ["CMYK JPEG", 44, formOf("image/jpeg", { channels: 4 })],
    ["progressive JPEG", 162, formOf("image/jpeg", whole)],
    ["progressive JPEG of 219 megapixels", 1340, formOf("image/jpeg", { ...whole, ...wide })],
    ["progressive CMYK JPEG", 235, formOf("image/jpeg", { ...whole, channels: 4 })],
    ["progressive grey JPEG", 58, formOf("image/jpeg", { ...whole, channels: 1 })],
    ["PNG", 32, formOf("image/png")],
    ["16-bit PNG with alpha", 128, formOf("image/png", { ...alpha, ...deep })],
    ["interlaced PNG", 93, formOf("image/png", whole)],
    ["interlaced 16-bit PNG", 183, formOf("image/png", { ...whole, ...deep })],
    ["interlaced 16-bit PNG with alpha", 261, formOf("image/png", { ...whole, ...alpha, ...deep })],
    ["lossless WebP", 149, formOf("image/webp")],
    ["lossless WebP with alpha", 162, formOf("image/webp", alpha)],
    ["animated GIF", 171, formOf("image/gif", { ...alpha, pages: 3 })],
    ["AVIF", 451, formOf("image/avif")],
    ["AVIF with alpha", 467, formOf("image/avif", alpha)],
    ["10-bit AVIF", 609, formOf("image/avif", deep)],
    ["HEIC", 268, formOf("image/heic")],
    ["10-bit HEIC", 335, formOf("image/heic", deep)],
    ["HEIC with alpha", 338, formOf("image/heic", alpha)],
  ] as const)("is between the measured memory of %s (%d MB) and twice that", (_name, mb, form) => {
    const counted = shrinkBytes(form) / 1e6;
    expect(counted).toBeGreaterThanOrEqual(mb);
    expect(counted).toBeLessThan(2 * mb + 20);
  });

  test.each([
    ["JPEG, rotated", 227, formOf("image/jpeg", { orientation: 6 }), "image/jpeg"],
    ["progressive JPEG", 305, formOf("image/jpeg", whole), "image/jpeg"],
    ["interlaced PNG", 147, formOf("image/png", whole), "image/png"],
    ["WebP", 345, formOf("image/webp"), "image/webp"],
    ["WebP with alpha", 1194, formOf("image/webp", alpha), "image/webp"],
    ["GIF", 440, formOf("image/gif"), "image/gif"],
    ["AVIF", 447, formOf("image/avif"), "image/webp"],
    ["HEIC", 261, formOf("image/heic"), "image/jpeg"],
  ] as const)("covers the re-encoding of %s (%d MB)", (_name, mb, form, written) => {
    expect(reencodeBytes(form, written) / 1e6).toBeGreaterThanOrEqual(mb);
  });

  test("depends on channels, depth and passes in the file's header", async () => {
    const rgb = () => painted(800, 600);
    const deepOf = (interlaced: boolean) =>
      rgb().ensureAlpha().toColourspace("rgb16").png({ progressive: interlaced }).toBuffer();
    const counted = async (mimeType: ImageMimeType, picture: Uint8Array | Promise<Uint8Array>) => {
      let bytes = 0;
      const path = await stored(picture);
      const budget = {
        spend: <T>(cost: number, work: () => Promise<T>) => {
          bytes = cost;
          return work();
        },
      };
      const image = await inspectImage(path, mimeType);
      await deriveImages(path, image, { budget, timeoutSeconds: 60 });
      return bytes;
    };
    const rising = [
      await counted("image/jpeg", rgb().jpeg().toBuffer()),
      await counted("image/png", rgb().png().toBuffer()),
      await counted("image/jpeg", rgb().jpeg({ progressive: true }).toBuffer()),
      await counted("image/avif", rgb().avif({ effort: 0 }).toBuffer()),
      await counted("image/png", deepOf(false)),
      await counted("image/png", deepOf(true)),
    ];
    expect(rising).toEqual(rising.toSorted((a, b) => a - b));
    expect(new Set(rising).size).toBe(rising.length);
    const cmyk = rgb().toColourspace("cmyk").jpeg({ progressive: true }).toBuffer();
    expect(await counted("image/jpeg", cmyk)).toBeGreaterThan(rising[2]!);
    const heic = (depth: 8 | 10) =>
      heicGrid({ tiles: [`${depth}-red`], columns: 1, width: 128, height: 128 });
    expect(await counted("image/heic", heic(10))).toBeGreaterThan(
      await counted("image/heic", heic(8)),
    );
  }, 60_000);

  const large = () => painted(3000, 2000);
  test.each([
    ["image/jpeg", "progressive", () => large().jpeg({ progressive: true }).toBuffer()],
    [
      "image/png",
      "interlaced, 16-bit",
      () => large().ensureAlpha().toColourspace("rgb16").png({ progressive: true }).toBuffer(),
    ],
    ["image/webp", "lossless", () => large().webp({ lossless: true, effort: 0 }).toBuffer()],
    ["image/gif", "static", () => large().gif({ effort: 1 }).toBuffer()],
    ["image/avif", "8-bit", () => plain(3000, 2000, "#3070b0").avif({ effort: 0 }).toBuffer()],
  ] as const)(
    "is at least the growth of a process that decodes 6 megapixels of %s (%s)",
    async (mimeType, _kind, make) => {
      const path = await stored(make());
      const child = Bun.spawn([process.execPath, "tests/support/processes/decode.ts", path], {
        env: {},
        stdout: "pipe",
        stderr: "inherit",
      });
      const grown = Number(await new Response(child.stdout).text());
      expect(await child.exited).toBe(0);
      expect(grown).toBeGreaterThan(10_000_000);
      expect(grown).toBeLessThanOrEqual(shrinkBytes(await inspectImage(path, mimeType)));
    },
    60_000,
  );
});
