import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import type { AppError } from "#errors";
import { ingestImage } from "#media/pictures/ingest";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import {
  exifBlock,
  painted,
  plain,
  pngChunk,
  quarters,
  withExifBlock,
  withPngChunks,
} from "#tests/fixtures/pictures";
import { growthDuring, growthOfTurnedJpeg } from "#tests/support/memory";
import { corners, expectNear } from "#tests/support/pixels";

let folder: string;
let files = 0;
const decodeLimits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 120 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-formats-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function ingest(bytes: Uint8Array) {
  const path = join(folder, String((files += 1)));
  await writeFile(path, bytes);
  return ingestImage({ path, bytes: bytes.length, contentHash: "0".repeat(64) }, decodeLimits);
}

const verdict = (bytes: Uint8Array) =>
  ingest(bytes).then(
    () => "taken",
    (error: AppError) => error.code,
  );

describe("large pictures", () => {
  test("a panorama of 30 000 pixels is shown whole", async () => {
    const left = await plain(15_000, 400, "#ff0000").png().toBuffer();
    const panorama = await plain(30_000, 400, "#0000ff")
      .composite([{ input: left, left: 0, top: 0 }])
      .jpeg()
      .toBuffer();
    const image = await ingest(panorama);
    expect(image).toMatchObject({ width: 30_000, height: 400 });
    expect(await sharp(image.preview).metadata()).toMatchObject({ width: 1600, height: 21 });
    const seen = await corners(image.preview);
    [
      [255, 0, 0],
      [0, 0, 255],
    ].forEach((colour, at) => expectNear(seen[at], colour));
  }, 60_000);

  test("a rotated JPEG of 60 megapixels is ingested in little memory", async () => {
    // Decoded completely it would take 180 MB.
    const growth = await growthOfTurnedJpeg({ width: 9_000, height: 6_720 });
    expect(growth).toBeLessThan(90_000_000);
  }, 120_000);

  test("a JPEG above 220 megapixels is refused", async () => {
    const header = await plain(64, 64, "red").jpeg().toBuffer();
    // The size is in the frame header, after its length and depth: 15 000 × 15 000.
    const frame = header.indexOf(Buffer.from([0xff, 0xc0]));
    header.writeUInt16BE(15_000, frame + 5);
    header.writeUInt16BE(15_000, frame + 7);
    expect(await ingest(header).catch((error: Error) => error.message)).toContain("220 megapixels");
  });
});

describe("a JPEG with faults of old cameras", () => {
  const whole = () => painted(300, 200).jpeg().toBuffer();

  test("is accepted with stray bytes between its segments", async () => {
    const jpeg = await whole();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    const stray = Buffer.concat([jpeg.subarray(0, frame), Buffer.alloc(3), jpeg.subarray(frame)]);
    const image = await ingest(stray);
    expect([image.width, image.height]).toEqual([300, 200]);
  });

  test("is accepted with pixels damaged in the middle", async () => {
    const jpeg = await whole();
    Buffer.from("ff00ff00ff00ff00", "hex").copy(jpeg, Math.floor(jpeg.length * 0.7));
    // Strict decoders reject it.
    const strict = await sharp(jpeg, { failOn: "warning" })
      .raw()
      .toBuffer()
      .catch((error: Error) => error);
    expect(strict).toBeInstanceOf(Error);
    expect(await verdict(jpeg)).toBe("taken");
  });

  test("is accepted with bytes after its end, but not without its end", async () => {
    const jpeg = await whole();
    expect(await verdict(Buffer.concat([jpeg, Buffer.from("trailer")]))).toBe("taken");
    expect(await verdict(jpeg.subarray(0, jpeg.length - 2_000))).toBe("image_rejected");
  });
});

describe("of every orientation", () => {
  test.each(["jpeg", "webp"] as const)("a %s has upright pixels", async (format) => {
    const [red, green, blue, white] = [
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
      [255, 255, 255],
    ] as const;
    const upright = [
      [red, green, blue, white],
      [green, red, white, blue],
      [white, blue, green, red],
      [blue, white, red, green],
      [red, blue, green, white],
      [blue, red, white, green],
      [white, green, blue, red],
      [green, white, red, blue],
    ];
    for (const [at, expected] of upright.entries()) {
      const source = quarters(64).toFormat(format, { quality: 95 });
      const image = await ingest(await source.withMetadata({ orientation: at + 1 }).toBuffer());
      const seen = await corners(image.preview);
      expected.forEach((colour, corner) => expectNear(seen[corner], [...colour]));
    }
  });
});

describe("hostile metadata blocks", () => {
  const laughs = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">${Array.from(
    { length: 30 },
    (_, level) => `<!ENTITY a${level} "${`&a${level ? level - 1 : ""};`.repeat(10)}">`,
  ).join("")}]><x:xmpmeta xmlns:x="adobe:ns:meta/"><y>&a29;</y></x:xmpmeta>`;
  const withXmp = (text: string) => {
    const body = Buffer.from(`XML:com.adobe.xmp\0\0\0\0\0${text}`);
    return pngChunk("iTXt", body);
  };

  test("XMP with endlessly expanding entities is not expanded", async () => {
    const png = await plain(64, 64, "red").png().toBuffer();
    const growth = await growthDuring(async () => {
      expect(await verdict(withPngChunks(png, withXmp(laughs)))).toBe("taken");
    });
    expect(growth).toBeLessThan(100_000_000);
  });

  test("a text of a hundred megabytes, compressed or not, is ignored", async () => {
    const png = await plain(64, 64, "red").png().toBuffer();
    const text = Buffer.alloc(100_000_000, "x");
    const plainText = pngChunk("tEXt", Buffer.concat([Buffer.from("parameters\0"), text]));
    const zipped = pngChunk(
      "zTXt",
      Buffer.concat([Buffer.from("parameters\0\0"), deflateSync(text)]),
    );
    for (const chunk of [plainText, zipped]) {
      const bytes = withPngChunks(png, chunk);
      const outcome = await ingest(bytes).catch((error: AppError) => error.code);
      if (typeof outcome === "string") expect(outcome).toBe("image_rejected");
      else expect(outcome.recorded.generation).toBeUndefined();
    }
  }, 60_000);

  test("an EXIF block of garbage, or one larger than any program writes, is ignored", async () => {
    const webp = await plain(32, 32, "red").webp().toBuffer();
    const jpeg = await plain(32, 32, "red").jpeg().toBuffer();
    const garbage = Buffer.concat([Buffer.from("Exif\0\0"), Buffer.alloc(60_000, 0xff)]);
    const comment = Buffer.from(`ASCII\0\0\0a cat\nSteps: 20, ${"x".repeat(2_200_000)}`);
    for (const bytes of [
      withExifBlock(jpeg, garbage),
      withExifBlock(webp, garbage),
      withExifBlock(webp, exifBlock("II", { 0x9286: comment })),
    ]) {
      expect((await ingest(bytes)).recorded).toEqual({
        takenAt: undefined,
        generation: undefined,
        texts: { title: undefined, tags: [] },
      });
    }
  });

  test("a colour profile of garbage is ignored", async () => {
    const png = await plain(64, 64, "#3070b0").png().toBuffer();
    const profile = Buffer.concat([Buffer.from("icc\0\0"), deflateSync(Buffer.alloc(50_000, 7))]);
    const image = await ingest(withPngChunks(png, pngChunk("iCCP", profile)));
    expectNear((await corners(image.preview))[0], [0x30, 0x70, 0xb0]);
  });
});
