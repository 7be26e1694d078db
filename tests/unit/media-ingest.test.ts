import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { thumbHashToRGBA } from "thumbhash";
import { AppError } from "#errors";
import { type ExpectedImage, ingestImage } from "#media/pictures/ingest";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { animation, painted, plain, pngBomb, quarters, slowPng } from "#tests/fixtures/pictures";
import { corners, expectNear } from "#tests/support/pixels";

let folder: string;
let files = 0;
const decodeLimits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 30 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-ingest-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function ingest(bytes: Uint8Array, expected?: ExpectedImage, own = decodeLimits) {
  const path = join(folder, `${(files += 1)}.part`);
  await writeFile(path, bytes);
  return ingestImage({ path, bytes: bytes.length, contentHash: "0".repeat(64) }, own, expected);
}

/** The contract's error code, or "taken". */
async function verdict(bytes: Uint8Array, expected?: ExpectedImage): Promise<string> {
  try {
    await ingest(bytes, expected);
    return "taken";
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.message).not.toContain(folder);
    return error.code;
  }
}

const formats = {
  "image/jpeg": () => painted(3300, 2000).jpeg().toBuffer(),
  "image/png": () => painted(300, 200).png().toBuffer(),
  "image/webp": () => painted(300, 200).webp().toBuffer(),
  "image/gif": () => painted(300, 200).gif().toBuffer(),
  "image/avif": () => painted(300, 200).avif({ effort: 0 }).toBuffer(),
} as const;

describe.each(Object.entries(formats))("a picture of %s", (mimeType, make) => {
  test("is accepted, with its size and derivatives that are WebP without metadata", async () => {
    const image = await ingest(await make());
    expect(image.mimeType).toBe(mimeType as keyof typeof formats);
    const preview = await sharp(image.preview).metadata();
    const thumbnail = await sharp(image.thumbnail).metadata();
    expect(preview).toMatchObject({ format: "webp", width: Math.min(image.width, 1600) });
    expect(thumbnail).toMatchObject({ format: "webp", width: Math.min(image.width, 400) });
    for (const { exif, icc, xmp } of [preview, thumbnail]) {
      expect([exif, icc, xmp]).toEqual([undefined, undefined, undefined]);
    }
  });

  test("is refused when truncated at any tenth", async () => {
    const whole = await make();
    const verdicts: string[] = [];
    for (let tenth = 1; tenth < 10; tenth += 1) {
      verdicts.push(await verdict(whole.subarray(0, Math.floor((whole.length * tenth) / 10))));
    }
    expect(verdicts).toEqual(Array.from({ length: 9 }, () => "image_rejected"));
  });
});

describe("content that is not a picture", () => {
  const iso = (...brands: string[]) => {
    const box = Buffer.from(
      `\0\0\0\0ftyp${brands[0]}\0\0\0\0${brands.slice(1).join("")}`,
      "latin1",
    );
    box.writeUInt32BE(box.length, 0);
    return Buffer.concat([box, Buffer.alloc(64)]);
  };
  test.each([
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.from("\xff", "latin1")],
    ["SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>')],
    ["XML before SVG", Buffer.from('<?xml version="1.0"?><svg width="99" height="99"/>')],
    ["PDF", Buffer.from("%PDF-1.7\n")],
    ["HTML", Buffer.from("<!doctype html><title>x</title>")],
    ["TIFF", Buffer.from("II*\0\x08\0\0\0", "latin1")],
    ["BMP", Buffer.from("BM" + "\0".repeat(60), "latin1")],
    ["MP4", iso("isom", "avc1", "mp41")],
    ["a video that lists an image brand", iso("isom", "mif1", "avif")],
    ["a RIFF with audio", Buffer.from("RIFF\0\0\0\0WAVEfmt ", "latin1")],
  ])("%s is an unsupported type", async (_, bytes) => {
    expect(await verdict(bytes)).toBe("unsupported_media_type");
  });

  test("a HEIC signature without content is a damaged picture", async () => {
    expect(await verdict(iso("heic", "mif1"))).toBe("image_rejected");
    expect(await verdict(iso("mif1", "mif1", "heic"))).toBe("image_rejected");
    expect(await verdict(iso("mif1", "miaf"))).toBe("image_rejected");
  });

  test.each([
    ["JPEG", "\xff\xd8\xff\xe0\0\x10JFIF"],
    ["PNG", "\x89PNG\r\n\x1a\n"],
    ["GIF", "GIF89a"],
    ["WebP", "RIFF\x20\0\0\0WEBPVP8 "],
  ])("a %s signature followed by noise is a rejected image", async (_, signature) => {
    const bytes = Buffer.concat([Buffer.from(signature, "latin1"), Buffer.alloc(500, "noise")]);
    expect(await verdict(bytes)).toBe("image_rejected");
  });
});

describe("bounds", () => {
  test("a PNG of 16 000 × 16 000 in few bytes is refused from its header", async () => {
    const bomb = pngBomb(16_000);
    expect(bomb.length).toBeLessThan(100_000);
    const residentBefore = process.memoryUsage.rss();
    expect(await verdict(bomb)).toBe("image_rejected");
    // Decoding it takes 256 MB.
    expect(process.memoryUsage.rss() - residentBefore).toBeLessThan(64_000_000);
  });

  test("the same PNG is accepted when its size is within bounds", async () => {
    expect(await verdict(pngBomb(2_000))).toBe("taken");
  });

  test.each([
    ["31 × 32 PNG", () => plain(31, 32, "red").png(), "image_rejected"],
    ["32 × 32 PNG", () => plain(32, 32, "red").png(), "taken"],
    ["12 000 × 32 PNG", () => plain(12_000, 32, "red").png(), "taken"],
    ["12 001 × 32 PNG", () => plain(12_001, 32, "red").png(), "image_rejected"],
    ["12 001 × 32 JPEG", () => plain(12_001, 32, "red").jpeg(), "taken"],
    ["30 001 × 32 JPEG", () => plain(30_001, 32, "red").jpeg(), "image_rejected"],
  ])("%s", async (_, make, expected) => {
    expect(await verdict(await make().toBuffer())).toBe(expected);
  });

  test("a PNG of 81 megapixels is refused although each side is within bounds", async () => {
    const outcome = await ingest(pngBomb(9_000)).catch((error: AppError) => error.message);
    expect(outcome).toContain("80 megapixels");
  });

  test("an animation of 1 000 frames is accepted, one of 1 001 is not", async () => {
    const longest = await animation(1000).gif().toBuffer();
    expect((await ingest(longest)).pages).toBe(1000);
    expect(await verdict(await animation(1001).gif().toBuffer())).toBe("image_rejected");
  });

  test("a picture that takes too long to decode is refused", async () => {
    const own = { ...decodeLimits, timeoutSeconds: 1 };
    const outcome = await ingest(slowPng(8_900), undefined, own).catch((error: Error) => error);
    expect(outcome).toMatchObject({ code: "image_rejected" });
    expect((outcome as Error).message).toContain("too long");
  }, 60_000);
});

describe("derivatives", () => {
  const [red, green, blue, white] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
  ];
  test.each([
    [1, [red, green, blue, white]],
    [2, [green, red, white, blue]],
    [3, [white, blue, green, red]],
    [4, [blue, white, red, green]],
    [5, [red, blue, green, white]],
    [6, [blue, red, white, green]],
    [7, [white, green, blue, red]],
    [8, [green, white, red, blue]],
  ])("are upright with orientation %d", async (orientation, expected) => {
    const image = await ingest(await quarters(64).png().withMetadata({ orientation }).toBuffer());
    for (const derived of [image.preview, image.thumbnail]) {
      const seen = await corners(derived);
      seen.forEach((colour, i) => expectNear(colour, expected[i]!));
    }
  });

  test("a rotated picture has the size that a viewer sees", async () => {
    const image = await ingest(
      await painted(2000, 1000).jpeg().withMetadata({ orientation: 6 }).toBuffer(),
    );
    expect([image.width, image.height]).toEqual([1000, 2000]);
    expect(await sharp(image.preview).metadata()).toMatchObject({ width: 800, height: 1600 });
    expect(await sharp(image.thumbnail).metadata()).toMatchObject({ width: 200, height: 400 });
  });

  test("a small picture is not enlarged", async () => {
    const image = await ingest(await painted(120, 90).png().toBuffer());
    for (const derived of [image.preview, image.thumbnail]) {
      expect(await sharp(derived).metadata()).toMatchObject({ width: 120, height: 90 });
    }
  });

  test("colours of a Display P3 picture are converted", async () => {
    const p3 = await plain(64, 64, "#ff0000").withIccProfile("p3").png().toBuffer();
    // In the file red has other values: code that ignores the profile would show those.
    expectNear(
      [
        ...(await sharp(await sharp(p3, { ignoreIcc: true }).png().toBuffer())
          .raw()
          .toBuffer()),
      ],
      [234, 51, 35],
    );
    expectNear((await corners((await ingest(p3)).preview))[0], [255, 0, 0]);
  });

  test("a CMYK JPEG becomes sRGB", async () => {
    const cmyk = await plain(64, 64, "#20a040").toColourspace("cmyk").jpeg().toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe("cmyk");
    const image = await ingest(cmyk);
    expect(await sharp(image.preview).metadata()).toMatchObject({ space: "srgb", channels: 3 });
    expectNear((await corners(image.preview))[0], [0x20, 0xa0, 0x40], 25);
  });

  test("a PNG of 16 bits keeps its colours in 8 bits", async () => {
    const deep = await plain(64, 64, "#3070b0").toColourspace("rgb16").png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    expectNear((await corners((await ingest(deep)).preview))[0], [0x30, 0x70, 0xb0]);
  });

  test.each([
    ["grey", (side: number) => plain(side, side, "#808080").toColourspace("b-w")],
    ["16 bit grey", (side: number) => plain(side, side, "#808080").toColourspace("grey16")],
  ])("a %s picture keeps its grey", async (_, make) => {
    const image = await ingest(await make(64).png().toBuffer());
    expectNear((await corners(image.preview))[0], [128, 128, 128]);
  });

  test("grey with transparency keeps both", async () => {
    const data = Buffer.alloc(64 * 64 * 2, Buffer.from([200, 0]));
    const image = await ingest(
      await sharp(data, { raw: { width: 64, height: 64, channels: 2 } })
        .png()
        .toBuffer(),
    );
    expect((await corners(image.thumbnail))[0]?.[3]).toBe(0);
  });

  test("transparency is kept in both and in the thumbhash", async () => {
    const clear = { r: 255, g: 0, b: 0, alpha: 0 };
    const image = await ingest(
      await sharp({ create: { width: 64, height: 64, channels: 4, background: clear } })
        .png()
        .toBuffer(),
    );
    for (const derived of [image.preview, image.thumbnail]) {
      expect((await sharp(derived).metadata()).hasAlpha).toBe(true);
      expect((await corners(derived))[0]?.[3]).toBe(0);
    }
    const { rgba } = thumbHashToRGBA(Buffer.from(image.thumbhash, "base64"));
    expect(rgba[3]).toBeLessThan(32);
  });

  test("the thumbhash shows the picture's colours, and is short enough for a list", async () => {
    const image = await ingest(await quarters(400).png().toBuffer());
    expect(Buffer.from(image.thumbhash, "base64").length).toBeLessThanOrEqual(25);
    const { w, rgba } = thumbHashToRGBA(Buffer.from(image.thumbhash, "base64"));
    const topLeft = [...rgba.subarray((4 * w + 4) * 4, (4 * w + 4) * 4 + 3)];
    expect(topLeft[0]).toBeGreaterThan(Math.max(topLeft[1]!, topLeft[2]!) + 50);
  });

  test.each(["gif", "webp"] as const)("an animated %s shows its first frame", async (format) => {
    const image = await ingest(await animation(5).toFormat(format).toBuffer());
    expect(image).toMatchObject({ pages: 5, width: 32, height: 32 });
    expect((await sharp(image.preview).metadata()).pages ?? 1).toBe(1);
    expectNear((await corners(image.preview))[0], [255, 0, 0]);
  });

  test("of a polyglot file, they contain only the picture", async () => {
    const script = Buffer.from("<script>alert('canary')</script>");
    const image = await ingest(Buffer.concat([await formats["image/png"](), script]));
    expect(image.mimeType).toBe("image/png");
    for (const derived of [image.preview, image.thumbnail]) {
      expect(Buffer.from(derived).includes("canary")).toBe(false);
    }
  });

  test("they contain no EXIF text", async () => {
    const tagged = painted(64, 64).withExif({ IFD0: { Copyright: "canary" } });
    const source = await tagged.jpeg().toBuffer();
    expect(source.includes("canary")).toBe(true);
    const image = await ingest(source);
    expect(Buffer.from(image.preview).includes("canary")).toBe(false);
    expect(Buffer.from(image.thumbnail).includes("canary")).toBe(false);
  });
});

describe("a picture with announced properties", () => {
  const expected = { mimeType: "image/png", width: 300, height: 200 } as const;
  test("is accepted when they match", async () => {
    expect(await verdict(await formats["image/png"](), expected)).toBe("taken");
  });
  test("is refused with another size or type", async () => {
    const png = await formats["image/png"]();
    expect(await verdict(png, { ...expected, width: 301 })).toBe("image_rejected");
    expect(await verdict(await formats["image/webp"](), expected)).toBe("image_rejected");
  });
});
