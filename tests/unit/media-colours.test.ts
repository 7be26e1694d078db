import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { ingestImage } from "#media/pictures/ingest";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { reencodeImage } from "#media/pictures/reencode";
import { prepareSource } from "#media/pictures/source";
import type { ImageMimeType } from "#media/pictures/formats";
import { heicGrid } from "#tests/fixtures/heic";
import { plain, pngChunk, withPngChunks } from "#tests/fixtures/pictures";
import { corners, expectNear } from "#tests/support/pixels";

let folder: string;
let files = 0;
const decodeLimits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 120 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-colours-"));
});
afterAll(() => rm(folder, { recursive: true }));

const fixture = (name: string) =>
  readFile(join(import.meta.dir, "../fixtures/pictures", name)).then((bytes) => bytes);

/** The colours that a viewer sees: in the preview, the thumbnail, the shared copy and the source of a generation. */
async function seenOf(bytes: Uint8Array, mimeType: ImageMimeType): Promise<number[][]> {
  const path = join(folder, String((files += 1)));
  await writeFile(path, bytes);
  const image = await ingestImage(
    { path, bytes: bytes.length, contentHash: "0".repeat(64) },
    decodeLimits,
  );
  expect(image.mimeType).toBe(mimeType);
  const copy = await reencodeImage(path, mimeType, decodeLimits);
  const source = await prepareSource(path, { width: 64, height: 64 }, decodeLimits);
  const seen = [];
  for (const picture of [image.preview, image.thumbnail, copy, source]) {
    // As displayed by a viewer that supports profiles.
    const shown = await sharp(picture).toColourspace("srgb").png().toBuffer();
    seen.push((await corners(shown))[0]!.slice(0, 3));
  }
  return seen;
}

async function expectSeen(bytes: Uint8Array, mimeType: ImageMimeType, wanted: number[]) {
  const seen = await seenOf(bytes, mimeType);
  for (const colour of seen) expectNear(colour, wanted);
}

const brick = [234, 51, 35];
const p3 = { primaries: 12, transfer: 13 };
const heicOfBricks = (codes: [number, number, number, 0 | 1]) =>
  heicGrid({ tiles: Array(4).fill("8-brick"), columns: 2, width: 240, height: 200, codes });
async function pngWithCodes(rgb: number[], codes: number[]) {
  const [r, g, b] = rgb as [number, number, number];
  const png = await plain(64, 64, `rgb(${r}, ${g}, ${b})`).png().toBuffer();
  return withPngChunks(png, pngChunk("cICP", Buffer.from(codes)));
}

describe("colours given as code points look the same as with a profile", () => {
  test("Display P3 in a HEIC", async () => {
    await expectSeen(heicOfBricks([p3.primaries, p3.transfer, 6, 1]), "image/heic", [255, 0, 0]);
  });

  test("sRGB in a HEIC is not changed", async () => {
    await expectSeen(heicOfBricks([1, 13, 6, 1]), "image/heic", brick);
  });

  test("unknown code points in a HEIC count as sRGB", async () => {
    await expectSeen(heicOfBricks([200, 200, 6, 1]), "image/heic", brick);
  });

  test("Display P3 in a PNG", async () => {
    await expectSeen(await pngWithCodes(brick, [12, 13, 0, 1]), "image/png", [255, 0, 0]);
  });

  test("BT.2020 in a PNG", async () => {
    // sRGB's red in BT.2020 primaries, with sRGB's curve.
    await expectSeen(await pngWithCodes([207, 74, 34], [9, 13, 0, 1]), "image/png", [255, 0, 0]);
  });

  test("the limited range of a PNG is expanded", async () => {
    await expectSeen(await pngWithCodes([235, 16, 126], [1, 13, 0, 0]), "image/png", [255, 0, 128]);
  });
});

describe("HDR is tone mapped", () => {
  // Diffuse white of 203 nits is at 58 % of PQ and 75 % of HLG (ITU-R BT.2408).
  test.each([
    ["PQ", 16, 148],
    ["HLG", 18, 191],
  ])("white in %s is near white, black is black, grey between them", async (_, transfer, white) => {
    const codes = [9, transfer, 0, 1];
    await expectSeen(
      await pngWithCodes([white, white, white], codes),
      "image/png",
      [245, 245, 245],
    );
    await expectSeen(await pngWithCodes([0, 0, 0], codes), "image/png", [0, 0, 0]);
    const [grey] = await seenOf(await pngWithCodes([110, 110, 110], codes), "image/png");
    expect(grey![0]).toBeGreaterThan(60);
    expect(grey![0]).toBeLessThan(200);
  });

  test("highlights above white keep their order", async () => {
    const levels = [148, 170, 192, 255];
    const seen = [];
    for (const level of levels) {
      const png = await pngWithCodes([level, level, level], [9, 16, 0, 1]);
      seen.push((await seenOf(png, "image/png"))[0]![0]!);
    }
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBeGreaterThan(250);
  });

  test("white of PQ in an AVIF is near white", async () => {
    await expectSeen(await fixture("pq-white.avif"), "image/avif", [245, 245, 245]);
  });
});

test("a grey AVIF looks the same in limited and in full range", async () => {
  const [limited, full] = await Promise.all(
    ["mono-limited.avif", "mono-full.avif"].map(async (name) => {
      const path = join(folder, String((files += 1)));
      const bytes = await fixture(name);
      await writeFile(path, bytes);
      const image = await ingestImage(
        { path, bytes: bytes.length, contentHash: "0".repeat(64) },
        decodeLimits,
      );
      return sharp(image.preview).removeAlpha().raw().toBuffer();
    }),
  );
  const apart = limited!.map((value, at) => Math.abs(value - full![at]!));
  expect(Math.max(...apart)).toBeLessThan(12);
  // They range from black to white.
  expect(Math.min(...limited!)).toBeLessThan(10);
  expect(Math.max(...limited!)).toBeGreaterThan(245);
});
