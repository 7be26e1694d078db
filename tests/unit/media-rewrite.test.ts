import { describe, expect, test } from "bun:test";
import sharp from "sharp";
import type { ImageMimeType } from "#media/pictures/formats";
import { aiXmp } from "#media/rewrite/ai-xmp";
import { rewriteImage } from "#media/rewrite/image";
import { crowdedGif, crowdedJpeg, crowdedPng, filledJpeg } from "#tests/fixtures/costly-pictures";
import {
  markedGif,
  markedJpeg,
  markedPng,
  markedWebp,
  webpChunks,
} from "#tests/fixtures/marked-pictures";
import { animation, painted, pngChunk, withPngChunks } from "#tests/fixtures/pictures";

const marker = "MARKER-4711";

async function stamp(picture: Buffer, mimeType: ImageMimeType, xmp: string): Promise<Buffer> {
  const made = await rewriteImage(new Blob([new Uint8Array(picture)]), mimeType, {
    kind: "stamp",
    xmp,
  });
  return Buffer.from(await new Response(made!.stream(0, made!.bytes)).arrayBuffer());
}

async function strip(picture: Buffer, mimeType: ImageMimeType): Promise<Buffer | undefined> {
  const { orientation = 1 } = await sharp(picture).metadata();
  const made = await rewriteImage(new Blob([new Uint8Array(picture)]), mimeType, {
    kind: "strip",
    orientation,
  });
  if (!made) return undefined;
  const bytes = Buffer.from(await new Response(made.stream(0, made.bytes)).arrayBuffer());
  expect(bytes.length).toBe(made.bytes);
  return bytes;
}

/** The coded pixels of every frame, before profile and rotation. */
const pixelsOf = (picture: Buffer) =>
  sharp(picture, { animated: true, failOn: "truncated" }).raw().toBuffer();

const pictures: [string, ImageMimeType, () => Promise<Buffer>][] = [
  ["JPEG", "image/jpeg", () => markedJpeg(marker)],
  ["progressive JPEG", "image/jpeg", () => markedJpeg(marker, { progressive: true })],
  ["PNG", "image/png", () => markedPng(marker)],
  ["lossy WebP", "image/webp", () => markedWebp(marker, "lossy")],
  ["lossless WebP", "image/webp", () => markedWebp(marker, "lossless")],
  ["animated WebP", "image/webp", () => markedWebp(marker, "moving")],
];

describe("a stripped copy", () => {
  test.each(pictures)(
    "of a %s has its pixels, its orientation and its profile, and nothing else",
    async (_name, mimeType, make) => {
      const picture = await make();
      expect(picture.toString("latin1")).toContain(marker);
      const copy = (await strip(picture, mimeType))!;
      expect(copy.toString("latin1")).not.toContain(marker);
      expect((await pixelsOf(copy)).equals(await pixelsOf(picture))).toBe(true);
      const [was, is] = [await sharp(picture).metadata(), await sharp(copy).metadata()];
      expect([was.orientation, is.orientation]).toEqual([6, 6]);
      expect(is.autoOrient).toEqual(was.autoOrient);
      expect(is.icc?.equals(was.icc!)).toBe(true);
      expect([is.xmp, is.iptc, is.comments]).toEqual([undefined, undefined, undefined]);
      // TIFF header and one entry, after "Exif\0\0".
      expect(is.exif?.length ?? 0).toBeLessThanOrEqual(32);
      expect([is.pages, is.delay, is.loop]).toEqual([was.pages, was.delay, was.loop]);
      // There is nothing left to strip.
      expect((await strip(copy, mimeType))?.equals(copy)).toBe(true);
    },
  );

  test("keeps every orientation, and writes none for an upright picture", async () => {
    for (const mimeType of ["image/jpeg", "image/png", "image/webp"] as const) {
      const format = mimeType.slice("image/".length) as "jpeg" | "png" | "webp";
      for (let orientation = 1; orientation <= 8; orientation += 1) {
        const picture = await painted(96, 64)
          .withMetadata({ orientation })
          .toFormat(format)
          .toBuffer();
        const { orientation: kept, exif } = await sharp(
          (await strip(picture, mimeType))!,
        ).metadata();
        expect([format, kept ?? 1]).toEqual([format, orientation]);
        if (orientation === 1) expect(exif).toBeUndefined();
      }
    }
  });

  test("of a CMYK JPEG keeps the data that define its colours", async () => {
    const picture = await painted(96, 64).toColourspace("cmyk").jpeg().toBuffer();
    expect(picture.toString("latin1")).toContain("Adobe");
    const copy = (await strip(picture, "image/jpeg"))!;
    expect((await pixelsOf(copy)).equals(await pixelsOf(picture))).toBe(true);
    expect(
      (await sharp(copy).toColourspace("srgb").raw().toBuffer()).equals(
        await sharp(picture).toColourspace("srgb").raw().toBuffer(),
      ),
    ).toBe(true);
  });

  test("of an animated PNG is still animated", async () => {
    const control = pngChunk("acTL", Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]));
    const frame = pngChunk("fcTL", Buffer.alloc(26));
    const picture = withPngChunks(await painted(96, 64).png().toBuffer(), control, frame);
    expect((await strip(picture, "image/png"))!.equals(picture)).toBe(true);
  });

  test("of a WebP has a header that matches its chunks", async () => {
    const copy = (await strip(await markedWebp(marker, "lossy"), "image/webp"))!;
    const chunks = webpChunks(copy);
    expect(chunks.map(({ type }) => type)).toEqual(["VP8X", "ICCP", "ALPH", "VP8 ", "EXIF"]);
    // Flags: ICC, alpha and EXIF, but not XMP.
    expect(chunks[0]!.data[0]).toBe(0x20 | 0x10 | 0x08);
    expect(copy.readUInt32LE(4) + 8).toBe(copy.length);
  });

  test("has the same bytes in any range as in the whole", async () => {
    const picture = await markedJpeg(marker, { width: 1_200 });
    const made = (await rewriteImage(new Blob([new Uint8Array(picture)]), "image/jpeg", {
      kind: "strip",
      orientation: 6,
    }))!;
    const whole = Buffer.from(await new Response(made.stream(0, made.bytes)).arrayBuffer());
    for (const [start, end] of [
      [0, 1],
      [0, 40],
      [17, 23],
      [30, made.bytes],
      [made.bytes - 1, made.bytes],
      [made.bytes >> 1, (made.bytes >> 1) + 1],
    ] as const) {
      const part = Buffer.from(await new Response(made.stream(start, end)).arrayBuffer());
      expect(part.equals(whole.subarray(start, end))).toBe(true);
    }
  });

  test("is not made from a file that violates its format, truncated or changed anywhere", async () => {
    for (const [name, mimeType, make] of pictures) {
      const picture = await make();
      const ended = picture.subarray(0, picture.length - marker.length);
      const source = (bytes: Buffer) => new Blob([new Uint8Array(bytes)]);
      const change = { kind: "strip", orientation: 1 } as const;
      const bare = (await strip(picture, mimeType))!;
      for (let tenth = 0; tenth < 10; tenth += 1) {
        const cut = bare.subarray(0, 12 + Math.floor(((bare.length - 13) * tenth) / 10));
        expect([name, tenth, await rewriteImage(source(cut), mimeType, change)]).toEqual([
          name,
          tenth,
          undefined,
        ]);
      }
      // Whatever the header contains: a copy or undefined, never an error, never a hang.
      for (let at = 2; at < Math.min(ended.length, 400); at += 1) {
        const changed = Buffer.from(ended);
        changed[at]! ^= 0xff;
        const made = await rewriteImage(source(changed), mimeType, change);
        if (made) await new Response(made.stream(0, made.bytes)).arrayBuffer();
      }
    }
  });

  test("is not made from a picture in a million pieces", async () => {
    const tiny = [pngChunk("IDAT", Buffer.alloc(0)), pngChunk("tEXt", Buffer.from("a\0b"))];
    const many = withPngChunks(
      await painted(96, 64).png().toBuffer(),
      ...Array.from({ length: 50_000 }, () => tiny).flat(),
    );
    expect(await strip(many, "image/png")).toBeUndefined();
  });

  test("of a GIF has its frames, their delays and the loop count, and nothing else", async () => {
    const picture = await markedGif(marker);
    const copy = (await strip(picture, "image/gif"))!;
    expect(copy.toString("latin1")).not.toContain(marker);
    expect((await pixelsOf(copy)).equals(await pixelsOf(picture))).toBe(true);
    const { pages, delay, loop } = await sharp(copy).metadata();
    expect([pages, delay, loop]).toEqual([4, [100, 110, 120, 130], 3]);
    expect((await strip(copy, "image/gif"))!.equals(copy)).toBe(true);
    const plain = await animation(4).gif({ loop: 3, delay: delay! }).toBuffer();
    expect(copy.length).toBe(plain.length);
  });

  test("of a GIF without animation is identical", async () => {
    const picture = await painted(96, 64).gif().toBuffer();
    const copy = (await strip(picture, "image/gif"))!;
    expect((await pixelsOf(copy)).equals(await pixelsOf(picture))).toBe(true);
  });

  test("of an AVIF needs decoding, and a GIF cannot be stamped", async () => {
    const avif = new Blob([new Uint8Array(await painted(64, 64).avif().toBuffer())]);
    const gif = new Blob([new Uint8Array(await animation(2).gif().toBuffer())]);
    const change = { kind: "strip", orientation: 1 } as const;
    expect(await rewriteImage(avif, "image/avif", change)).toBeUndefined();
    expect(await rewriteImage(gif, "image/gif", { kind: "stamp", xmp: "<x/>" })).toBeUndefined();
  });

  test.each([
    ["fill bytes", "image/jpeg", () => filledJpeg(2 ** 24), true],
    ["empty chunks", "image/png", () => crowdedPng(300_000), false],
    ["segments", "image/jpeg", () => crowdedJpeg(100_000), false],
    ["comments", "image/gif", () => crowdedGif(200_000), false],
  ] as const)(
    "of a file full of %s takes a bounded number of reads",
    async (_name, mimeType, make, isMade) => {
      const bytes = new Uint8Array(await make());
      let reads = 0;
      const source = {
        size: bytes.length,
        slice: (start: number, end: number) => {
          reads += 1;
          return new Blob([bytes.subarray(start, end)]);
        },
      } as unknown as Blob;
      const made = await rewriteImage(source, mimeType, { kind: "strip", orientation: 1 });
      expect(made !== undefined).toBe(isMade);
      expect(reads).toBeLessThan(bytes.length / 100_000 + 10);
    },
  );

  test("of a PNG with a huge profile does not load it into memory", async () => {
    const profile = pngChunk(
      "iCCP",
      Buffer.concat([Buffer.from("SECRET\0\0"), Buffer.alloc(9_000_000, 7)]),
    );
    const picture = withPngChunks(await painted(96, 64).png().toBuffer(), profile);
    const change = { kind: "strip", orientation: 1 } as const;
    const made = (await rewriteImage(new Blob([new Uint8Array(picture)]), "image/png", change))!;
    const added = made.pieces.filter((piece) => !("to" in piece));
    expect(added.reduce((sum, piece) => sum + ("to" in piece ? 0 : piece.length), 0)).toBeLessThan(
      100,
    );
    const copy = Buffer.from(await new Response(made.stream(0, made.bytes)).arrayBuffer());
    expect(copy.includes("SECRET")).toBe(false);
    const nameless = pngChunk(
      "iCCP",
      Buffer.concat([Buffer.from("ICC\0\0"), Buffer.alloc(9_000_000, 7)]),
    );
    expect(copy.includes(nameless)).toBe(true);
  });
});

describe("a stamped copy", () => {
  const xmp = aiXmp({
    isComposite: false,
    prompt: "a <cat> & a \u0000dog",
    negativePrompt: "rain",
    modelName: "Tiny",
  });
  const unmarked: typeof pictures = [
    ["simple lossy WebP", "image/webp", () => painted(96, 64).webp().toBuffer()],
    [
      "simple lossless WebP",
      "image/webp",
      () => painted(97, 64).ensureAlpha(0.5).webp({ lossless: true }).toBuffer(),
    ],
    ["plain PNG", "image/png", () => painted(96, 64).png().toBuffer()],
    ["plain JPEG", "image/jpeg", () => painted(96, 64).jpeg().toBuffer()],
  ];

  test.each([...pictures, ...unmarked])(
    "of a %s has its pixels, all its metadata and one XMP packet",
    async (_name, mimeType, make) => {
      const picture = await make();
      const copy = await stamp(picture, mimeType, xmp);
      expect((await pixelsOf(copy)).equals(await pixelsOf(picture))).toBe(true);
      const [was, is] = [await sharp(picture).metadata(), await sharp(copy).metadata()];
      expect(is.xmp?.toString()).toBe(xmp);
      expect(copy.toString("latin1").split("adobe:ns:meta/")).toHaveLength(2);
      for (const kept of ["exif", "icc", "iptc", "comments", "orientation", "pages"] as const) {
        expect([kept, is[kept]]).toEqual([kept, was[kept]]);
      }
      // Stamped again: the packet replaces the previous one.
      expect((await stamp(copy, mimeType, xmp)).equals(copy)).toBe(true);
    },
  );

  test("says that it is generated, by which system and from which prompt", () => {
    expect(xmp).toContain(
      "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</",
    );
    expect(xmp).toContain("<Iptc4xmpExt:AISystemUsed>InvokeAI, Tiny</");
    expect(xmp).toContain(
      "<Iptc4xmpExt:AIPromptInformation>a &lt;cat&gt; &amp; a dog\nNegative prompt: rain</",
    );
    const bare = aiXmp({ isComposite: true });
    expect(bare).toContain("digitalsourcetype/compositeWithTrainedAlgorithmicMedia</");
    expect(bare).not.toContain("AIPromptInformation");
  });
});
