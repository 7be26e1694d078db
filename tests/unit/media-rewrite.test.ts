import { describe, expect, test } from "bun:test";
import sharp from "sharp";
import type { ImageMimeType } from "#media/formats";
import { aiXmp } from "#media/rewrite/ai-xmp";
import { rewriteImage } from "#media/rewrite/image";
import { markedJpeg, markedPng, markedWebp, webpChunks } from "#tests/fixtures/marked-pictures";
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

/** Every frame's pixels as they are coded, before profile and turn. */
const pixelsOf = (picture: Buffer) =>
  sharp(picture, { animated: true, failOn: "truncated" }).raw().toBuffer();

const pictures: [string, ImageMimeType, () => Promise<Buffer>][] = [
  ["JPEG", "image/jpeg", () => markedJpeg(marker)],
  ["progressive JPEG", "image/jpeg", () => markedJpeg(marker, { progressive: true })],
  ["PNG", "image/png", () => markedPng(marker)],
  ["lossy WebP", "image/webp", () => markedWebp(marker, "lossy")],
  ["lossless WebP", "image/webp", () => markedWebp(marker, "lossless")],
  ["moving WebP", "image/webp", () => markedWebp(marker, "moving")],
];

describe("a stripped copy", () => {
  test.each(pictures)(
    "of a %s carries its pixels, its turn and its profile, and nothing else",
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
      // TIFF header, one entry, and "Exif\0\0" in front.
      expect(is.exif?.length ?? 0).toBeLessThanOrEqual(32);
      expect([is.pages, is.delay, is.loop]).toEqual([was.pages, was.delay, was.loop]);
      // Nothing is left to take away.
      expect((await strip(copy, mimeType))?.equals(copy)).toBe(true);
    },
  );

  test("keeps every turn there is, and writes none for a picture that stands upright", async () => {
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

  test("of a CMYK JPEG keeps what tells how its colours are meant", async () => {
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

  test("of a moving PNG still moves", async () => {
    const control = pngChunk("acTL", Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]));
    const frame = pngChunk("fcTL", Buffer.alloc(26));
    const picture = withPngChunks(await painted(96, 64).png().toBuffer(), control, frame);
    expect((await strip(picture, "image/png"))!.equals(picture)).toBe(true);
  });

  test("says in a WebP's header what there is now", async () => {
    const copy = (await strip(await markedWebp(marker, "lossy"), "image/webp"))!;
    const chunks = webpChunks(copy);
    expect(chunks.map(({ type }) => type)).toEqual(["VP8X", "ICCP", "ALPH", "VP8 ", "EXIF"]);
    // ICC, alpha and EXIF; no XMP.
    expect(chunks[0]!.data[0]).toBe(0x20 | 0x10 | 0x08);
    expect(copy.readUInt32LE(4) + 8).toBe(copy.length);
  });

  test("is read in any range as it is read whole", async () => {
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

  test("is not made of what breaks its format's rules, cut or changed anywhere", async () => {
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
      // Whatever stands in the head: a copy or none, never a fault, never a hang.
      for (let at = 2; at < Math.min(ended.length, 400); at += 1) {
        const changed = Buffer.from(ended);
        changed[at]! ^= 0xff;
        const made = await rewriteImage(source(changed), mimeType, change);
        if (made) await new Response(made.stream(0, made.bytes)).arrayBuffer();
      }
    }
  });

  test("is not made of a picture in a million pieces", async () => {
    const tiny = [pngChunk("IDAT", Buffer.alloc(0)), pngChunk("tEXt", Buffer.from("a\0b"))];
    const many = withPngChunks(
      await painted(96, 64).png().toBuffer(),
      ...Array.from({ length: 50_000 }, () => tiny).flat(),
    );
    expect(await strip(many, "image/png")).toBeUndefined();
  });

  test("of a GIF or an AVIF is not made without decoding it", async () => {
    const gif = await animation(2).gif().toBuffer();
    const blob = new Blob([new Uint8Array(gif)]);
    expect(
      await rewriteImage(blob, "image/gif", { kind: "strip", orientation: 1 }),
    ).toBeUndefined();
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
    "of a %s has its pixels, all it carried and one XMP packet",
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
      // Again: the packet takes the place of the one before.
      expect((await stamp(copy, mimeType, xmp)).equals(copy)).toBe(true);
    },
  );

  test("says that it is generated, by what, and from which words", () => {
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
