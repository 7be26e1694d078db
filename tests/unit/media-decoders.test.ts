import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { AppError } from "#errors";
import { ingestImage } from "#media/pictures/ingest";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { gifOf } from "#tests/fixtures/gif";
import { painted, quarters } from "#tests/fixtures/pictures";
import { greyUltraHdr } from "#tests/fixtures/ultra-hdr";
import { corners, expectNear } from "#tests/support/pixels";

let folder: string;
let files = 0;
const decodeLimits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 120 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-decoders-"));
});
afterAll(() => rm(folder, { recursive: true }));

const fixture = (name: string) => readFile(join(import.meta.dir, "../fixtures/pictures", name));

async function ingest(bytes: Uint8Array) {
  const path = join(folder, String((files += 1)));
  await writeFile(path, bytes);
  return ingestImage({ path, bytes: bytes.length, contentHash: "0".repeat(64) }, decodeLimits);
}

describe("AVIF", () => {
  test.each([
    ["seq.avif", 3, 128, 96, [221, 21, 20]],
    ["animated.avif", 4, 320, 240, undefined],
  ] as const)(
    "a sequence is accepted as an animation and shows its first frame: %s",
    async (...row) => {
      const [name, pages, width, height, colour] = row;
      const image = await ingest(await fixture(name));
      expect(image).toMatchObject({ mimeType: "image/avif", pages, width, height });
      if (colour) expectNear((await corners(image.preview))[0], [...colour]);
    },
  );

  test.each(["avis", "mif1", "miaf", "msf1"])(
    "a picture of major brand %s is AVIF",
    async (brand) => {
      const avif = await quarters(64).avif({ quality: 90, effort: 0 }).toBuffer();
      avif.write(brand, 8, "latin1");
      const image = await ingest(avif);
      expect(image).toMatchObject({ mimeType: "image/avif", width: 64, height: 64 });
      expectNear((await corners(image.preview))[0], [255, 0, 0]);
    },
  );

  test("truncated anywhere is refused", async () => {
    const whole = await painted(200, 100).avif({ effort: 0 }).toBuffer();
    for (const part of [0.1, 0.5, 0.9]) {
      const cut = whole.subarray(0, Math.floor(whole.length * part));
      const outcome = await ingest(cut).catch((error: AppError) => error.code);
      expect(outcome).toBe("image_rejected");
    }
  });
});

describe("HEIC", () => {
  test("whose profile was emptied for privacy is accepted", async () => {
    const image = await ingest(await fixture("heic-icc-removed-by-exiftool.heic"));
    expect(image).toMatchObject({ mimeType: "image/heic", width: 240, height: 320 });
  });

  test("of 48 megapixels in more than 256 items is accepted", async () => {
    const image = await ingest(await fixture("heic-48mp-257-items.heic"));
    expect(image).toMatchObject({ mimeType: "image/heic", width: 8064, height: 6048 });
  }, 120_000);

  test("whose EXIF item has a JPEG segment header has its capture time", async () => {
    const image = await ingest(await fixture("heic-exif-app1.heic"));
    expect(image.recorded.takenAt?.wallClock).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});

describe("GIF", () => {
  const [red, green] = [1, 2] as const;

  test.each([
    [64, 64],
    // Sizes that the decoder takes for a mistake.
    [640, 480],
    [800, 600],
  ])("of %d×%d shows a smaller first frame at its position", async (width, height) => {
    const frame = { left: width / 2, top: height / 2, width: 16, height: 16, colour: red };
    const whole = { left: 0, top: 0, width, height, colour: green };
    const image = await ingest(gifOf({ width, height, frames: [frame, whole] }));
    expect(image).toMatchObject({ width, height, pages: 2 });
    const { data, info } = await sharp(image.preview)
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => [
      ...data.subarray(4 * (y * info.width + x)).subarray(0, 4),
    ];
    expectNear(at(width / 2 + 8, height / 2 + 8), [255, 0, 0, 255], 20);
    // Not painted by any frame yet.
    expect(at(8, 8)[3]).toBe(0);
  });

  test("whose first frame extends beyond its canvas is shown whole", async () => {
    const frame = { left: 80, top: 80, width: 50, height: 50, colour: red };
    const image = await ingest(gifOf({ width: 100, height: 100, frames: [frame] }));
    expect(image).toMatchObject({ width: 130, height: 130 });
  });
});

describe("JPEG", () => {
  /** A scan in which a fake segment hides all that follows, including the end. */
  async function damaged(options: object): Promise<Buffer> {
    const jpeg = await painted(300, 200)
      .jpeg({ quality: 80, ...options })
      .toBuffer();
    const scan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const at = scan + Math.floor((jpeg.length - scan) / 2);
    Buffer.from([0xff, 0xe1, 0xff, 0xf0]).copy(jpeg, at);
    return jpeg;
  }

  test.each([{ progressive: false }, { progressive: true }])(
    "with damage in the middle that hides its end is accepted, %p",
    async (options) => {
      expect(await ingest(await damaged(options))).toMatchObject({ width: 300, height: 200 });
    },
  );

  test("that ends in the middle of its pixels is refused", async () => {
    for (const progressive of [false, true]) {
      const jpeg = await painted(300, 200).jpeg({ progressive }).toBuffer();
      const cut = jpeg.subarray(0, Math.floor(jpeg.length * 0.7));
      const outcome = await ingest(cut).catch((error: AppError) => error.code);
      expect(outcome).toBe("image_rejected");
    }
  });

  test("in grey with a gain map is accepted, and stays grey", async () => {
    const image = await ingest(await greyUltraHdr(96));
    expect(image).toMatchObject({ mimeType: "image/jpeg", width: 256, height: 192 });
    expectNear((await corners(image.preview))[0]?.slice(0, 3), [96, 96, 96]);
  });
});
