import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { AppError } from "#errors";
import { ingestImage } from "#media/pictures/ingest";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { reencodeImage } from "#media/pictures/reencode";
import { prepareSource } from "#media/pictures/source";
import { heicGrid } from "#tests/fixtures/heic";
import { plain } from "#tests/fixtures/pictures";
import { corners, expectNear } from "#tests/support/pixels";

let folder: string;
let files = 0;
const decodeLimits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 120 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-heic-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function stored(bytes: Uint8Array): Promise<string> {
  const path = join(folder, String((files += 1)));
  await writeFile(path, bytes);
  return path;
}

async function ingest(bytes: Uint8Array, timeoutSeconds = decodeLimits.timeoutSeconds) {
  const path = await stored(bytes);
  const received = { path, bytes: bytes.length, contentHash: "0".repeat(64) };
  return ingestImage(received, { ...decodeLimits, timeoutSeconds });
}

const verdict = (bytes: Uint8Array) =>
  ingest(bytes).then(
    () => "taken",
    (error: AppError) => error.code,
  );

const [red, green, blue, white] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
];
const quarters = (depth: 8 | 10) =>
  ({
    tiles: [`${depth}-red`, `${depth}-green`, `${depth}-blue`, `${depth}-white`],
    columns: 2,
    width: 240,
    height: 200,
  }) satisfies Parameters<typeof heicGrid>[0];
/** Twelve megapixels in tiles like an iPhone's; all tiles are the same. */
const large = () =>
  heicGrid({ tiles: Array(48).fill("busy"), columns: 8, width: 4032, height: 3024, turns: 3 });

describe("a HEIC of tiles", () => {
  test.each([
    [0, [red, green, blue, white], [240, 200]],
    [1, [green, white, red, blue], [200, 240]],
    [2, [white, blue, green, red], [240, 200]],
    [3, [blue, red, white, green], [200, 240]],
  ] as const)("rotated by %d quarters is upright", async (turns, expected, [width, height]) => {
    const image = await ingest(heicGrid({ ...quarters(8), turns }));
    expect(image).toMatchObject({ mimeType: "image/heic", width, height, pages: 1 });
    for (const derived of [image.preview, image.thumbnail]) {
      expect(await sharp(derived).metadata()).toMatchObject({ width, height, format: "webp" });
      const seen = await corners(derived);
      seen.forEach((colour, at) => expectNear(colour, [...expected[at]!]));
    }
  });

  test("of ten bits keeps its colours in eight bits", async () => {
    const image = await ingest(heicGrid(quarters(10)));
    const seen = await corners(image.preview);
    [red, green, blue, white].forEach((colour, at) => expectNear(seen[at], colour!));
  });

  test("in Display P3 is converted to sRGB", async () => {
    const p3 = await plain(8, 8, "red").withIccProfile("p3").png().toBuffer();
    const profile = (await sharp(p3).metadata()).icc!;
    const brick = { ...quarters(8), tiles: Array(4).fill("8-brick") };
    expectNear((await corners((await ingest(heicGrid({ ...brick, profile }))).preview))[0], red!);
    // Without the profile the same values are another colour.
    expectNear((await corners((await ingest(heicGrid(brick))).preview))[0], [234, 51, 35]);
  });

  test("is not rotated again by EXIF, and has its capture time", async () => {
    const tags = { DateTimeOriginal: "2024:05:17 18:03:22", OffsetTimeOriginal: "+02:00" };
    const jpeg = plain(32, 32, "red")
      .jpeg()
      .withMetadata({ orientation: 6 })
      .withExif({ IFD2: tags });
    const { exif, orientation } = await sharp(await jpeg.toBuffer()).metadata();
    expect(orientation).toBe(6);
    const image = await ingest(heicGrid({ ...quarters(8), turns: 3, exif: exif! }));
    expect([image.width, image.height]).toEqual([200, 240]);
    expect(image.recorded.takenAt).toEqual({
      wallClock: "2024-05-17T18:03:22.000",
      offsetMinutes: 120,
      source: "exif",
    });
  });

  test("with only HEIF's general brand is image/heif", async () => {
    const image = await ingest(heicGrid({ ...quarters(8), brand: "mif1" }));
    expect(image.mimeType).toBe("image/heif");
  });

  test("can be re-encoded for sharing, and be the source of a generation", async () => {
    const path = await stored(heicGrid({ ...quarters(8), turns: 1 }));
    const shared = await reencodeImage(path, "image/heic", decodeLimits);
    expect(await sharp(shared).metadata()).toMatchObject({ width: 200, height: 240 });
    const source = await corners(
      await prepareSource(path, { width: 64, height: 64 }, decodeLimits),
    );
    [green, white, red, blue].forEach((colour, at) => expectNear(source[at], colour!));
  });
});

describe("a HEIC that is broken or too large", () => {
  test("is refused when truncated anywhere", async () => {
    const whole = heicGrid(quarters(8));
    for (const part of [0.2, 0.5, 0.8, 0.95]) {
      expect(await verdict(whole.subarray(0, Math.floor(whole.length * part)))).toBe(
        "image_rejected",
      );
    }
    expect(await verdict(whole.subarray(0, -1))).toBe("image_rejected");
  });

  test("is refused when its tiles do not cover its size", async () => {
    const lying = heicGrid({ ...quarters(8), width: 8000, height: 8000 });
    expect(await verdict(lying)).toBe("image_rejected");
  });

  test("is refused by its header above 12 000 pixels a side or 80 megapixels", async () => {
    const tiles = { tiles: Array(4).fill("8-red"), columns: 2 };
    for (const [width, height] of [
      [12_001, 64],
      [9_000, 9_000],
    ] as const) {
      const outcome = ingest(heicGrid({ ...tiles, width, height }), 0);
      expect(await outcome.catch((error: Error) => error.message)).toContain("80 megapixels");
    }
  });

  test("is given up after the time limit, and its thread is terminated", async () => {
    const slow = { tiles: Array(196).fill("busy"), columns: 14, width: 7168, height: 7168 };
    const started = performance.now();
    // For its 51 megapixels 0.2 s: no machine decodes it as fast.
    const outcome = await ingest(heicGrid(slow), 0.05).catch((error: Error) => error);
    expect(outcome).toMatchObject({ code: "image_rejected" });
    expect((outcome as Error).message).toContain("too long");
    expect(performance.now() - started).toBeLessThan(20_000);
  }, 60_000);
});

describe("a HEIC of twelve megapixels", () => {
  test("is decoded while the server keeps answering, and its memory is released", async () => {
    await ingest(large());
    const before = process.memoryUsage.rss();
    let longest = 0;
    let last = performance.now();
    const started = last;
    const pulse = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 5);
    const image = await ingest(large());
    clearInterval(pulse);
    expect([image.width, image.height]).toEqual([3024, 4032]);
    // Other threads slow the server down; a blocked event loop would have paused for the whole time.
    expect(longest).toBeLessThan((performance.now() - started) / 2);
    // Threads that do not end would hold some 330 MB by now; the allocator keeps at most half of that.
    for (let more = 0; more < 5; more += 1) await ingest(large());
    expect(process.memoryUsage.rss() - before).toBeLessThan(250_000_000);
  }, 240_000);
});
