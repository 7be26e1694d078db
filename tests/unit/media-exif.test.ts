import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { inspectImage } from "#media/pictures/inspect";
import { cameraOf, placeOf } from "#media/metadata/camera";
import { readExifTags } from "#media/metadata/exif-tags";
import { readIptc } from "#media/metadata/iptc";
import { readPhotoFacts } from "#media/metadata/photo-facts";
import { readRecorded } from "#media/metadata/recorded";
import { takenAtOf } from "#media/metadata/taken-at";
import { readXmp } from "#media/metadata/xmp";
import { readPngProfiles } from "#media/pictures/png-profiles";
import { findPngTexts } from "#media/pictures/png-text";
import { sniffFile } from "#media/pictures/sniff";
import { exifBlock, plain, pngChunk, withIptc, withPngChunks } from "#tests/fixtures/pictures";
import { processorMs } from "#tests/support/processor-time";

/** Calls `run` with a temporary file of these bytes. */
async function inFile(bytes: Uint8Array, run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "media-exif-"));
  try {
    const path = join(folder, "picture");
    await writeFile(path, bytes);
    await run(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Ifds = NonNullable<Parameters<ReturnType<typeof plain>["withExif"]>[0]>;

/** The EXIF block of a file with these tags. */
async function blockOf(ifds: Ifds, format: "jpeg" | "png" | "webp" | "avif" = "jpeg") {
  const picture = await plain(32, 32, "red").toFormat(format).withExif(ifds).toBuffer();
  return (await sharp(picture).metadata()).exif!;
}

/** The blocks of a file that has only this one. */
const alone = (block: Uint8Array | undefined) => ({
  exif: readExifTags(block),
  xmp: readXmp(undefined),
  iptc: readIptc(undefined),
});

const takenWith = async (tags: Record<string, string>) =>
  takenAtOf(alone(await blockOf({ IFD2: tags })));

describe("the time a picture was taken", () => {
  test.each([
    ["a date", {}, "2024-05-17T18:03:22.000", undefined],
    ["its fraction", { SubSecTimeOriginal: "45" }, "2024-05-17T18:03:22.450", undefined],
    ["a long fraction", { SubSecTimeOriginal: "123999" }, "2024-05-17T18:03:22.123", undefined],
    ["a broken fraction", { SubSecTimeOriginal: "x1" }, "2024-05-17T18:03:22.000", undefined],
    ["east of UTC", { OffsetTimeOriginal: "+05:30" }, "2024-05-17T18:03:22.000", 330],
    ["west of UTC", { OffsetTimeOriginal: "-08:00" }, "2024-05-17T18:03:22.000", -480],
    ["UTC", { OffsetTimeOriginal: "-00:00" }, "2024-05-17T18:03:22.000", 0],
    [
      "an impossible offset",
      { OffsetTimeOriginal: "+15:00" },
      "2024-05-17T18:03:22.000",
      undefined,
    ],
  ])("is the camera's local time: %s", async (_, tags, wallClock, offsetMinutes) => {
    const taken = await takenWith({ DateTimeOriginal: "2024:05:17 18:03:22", ...tags });
    expect(taken).toEqual({ wallClock, offsetMinutes, source: "exif" });
  });

  test("is the time of digitizing, with its own fraction and offset, when there is no other", async () => {
    const digitized = {
      DateTimeDigitized: "2001:01:01 00:00:01",
      SubSecTimeDigitized: "7",
      OffsetTimeDigitized: "+01:00",
      OffsetTimeOriginal: "+09:00",
    };
    const expected = {
      wallClock: "2001-01-01T00:00:01.700",
      offsetMinutes: 60,
      source: "exif",
    } as const;
    expect(await takenWith(digitized)).toEqual(expected);
    expect(await takenWith({ ...digitized, DateTimeOriginal: "0000:00:00 00:00:00" })).toEqual(
      expected,
    );
  });

  test.each([
    "0000:00:00 00:00:00",
    "9999:12:31 23:59:59",
    "2023:02:30 10:00:00",
    "2023:02:29 10:00:00",
    "2023:13:01 10:00:00",
    "2023:01:01 24:00:00",
    "2023:01:01 23:59:60",
    "    :  :     :  :  ",
    "yesterday evening!!",
    "2023:01:01",
  ])("is undefined for %s", async (date) => {
    expect(await takenWith({ DateTimeOriginal: date })).toBeUndefined();
  });

  test("can be 29 February of a leap year", async () => {
    expect(await takenWith({ DateTimeOriginal: "2024:02:29 10:00:00" })).toBeDefined();
  });
});

describe("camera and place", () => {
  const ifds: Ifds = {
    IFD0: { Make: " Canon ", Model: "EOS R6" },
    IFD2: {
      LensModel: "RF 24-105mm F4",
      ExposureTime: "1/250",
      FNumber: "28/10",
      ISOSpeedRatings: "400",
      FocalLength: "50/1",
    },
    IFD3: {
      GPSLatitudeRef: "S",
      GPSLatitude: "33/1 51/1 2416/100",
      GPSLongitudeRef: "W",
      GPSLongitude: "151/1 12/1 0/1",
      GPSAltitudeRef: "0",
      GPSAltitude: "585/10",
    },
  };

  test.each(["jpeg", "png", "webp", "avif"] as const)(
    "are read from %s as numbers",
    async (format) => {
      const exif = readExifTags(await blockOf(ifds, format));
      expect(cameraOf(exif)).toEqual({
        make: "Canon",
        model: "EOS R6",
        lens: "RF 24-105mm F4",
        exposureTimeSeconds: 0.004,
        fNumber: 2.8,
        iso: 400,
        focalLengthMm: 50,
      });
      const place = placeOf(exif);
      expect(place?.latitude).toBeCloseTo(-33.85671, 5);
      expect(place?.longitude).toBeCloseTo(-151.2, 5);
      expect(place?.altitudeM).toBeCloseTo(58.5, 5);
    },
  );

  const gps = (changed: Record<string, string | undefined>) =>
    Object.fromEntries(
      Object.entries({ ...ifds.IFD3!, ...changed }).filter(([, value]) => value !== undefined),
    ) as Record<string, string>;
  const placeWith = async (changed: Record<string, string | undefined>) =>
    placeOf(readExifTags(await blockOf({ IFD3: gps(changed) })));

  test.each([
    ["above sea level", 0, 58.5],
    ["below sea level", 1, -58.5],
    ["above sea level without a reference", undefined, 58.5],
  ])("an altitude is %s", async (_, reference, altitude) => {
    const block = Buffer.from(await blockOf(ifds));
    const entry = block.indexOf(Buffer.from([5, 0, 1, 0, 1, 0, 0, 0]));
    expect(entry).toBeGreaterThan(0);
    // Without a value the entry becomes another tag, the satellites' time.
    if (reference === undefined) block[entry] = 7;
    else block[entry + 8] = reference;
    expect(placeOf(readExifTags(block))?.altitudeM).toBeCloseTo(altitude, 5);
  });

  test("a place of zeros only is ignored, a point on the equator is not", async () => {
    const zero = "0/1 0/1 0/1";
    expect(await placeWith({ GPSLatitude: zero, GPSLongitude: zero })).toBeNull();
    expect(await placeWith({ GPSLatitude: zero })).toMatchObject({ longitude: -151.2 });
  });

  test.each([
    ["BYTE", 1, Buffer.from("Canon É\0")],
    ["UNDEFINED", 7, Buffer.from("Canon É")],
    ["BYTE, in UTF-16", 1, Buffer.from("Canon É\0", "utf16le")],
    ["ASCII, in UTF-8", 2, Buffer.from("Canon É\0")],
    ["ASCII, in Latin-1", 2, Buffer.from("Canon É\0", "latin1")],
  ])("a maker's name may be of type %s", (_, type, name) => {
    for (const order of ["II", "MM"] as const) {
      const block = exifBlock(order, { 0x10f: name });
      const tag = order === "II" ? [0x0f, 1, 2, 0] : [1, 0x0f, 0, 2];
      block[block.indexOf(Buffer.from(tag)) + (order === "II" ? 2 : 3)] = type;
      expect(cameraOf(readExifTags(block))?.make).toBe("Canon É");
    }
  });

  test.each([`{"a":1}`, "[1, 2]", `Prompt: {"3":{}}`, "workflow:{}", `extra data: {"x":1}`])(
    "JSON is not used as a name: %s",
    (text) => {
      const block = exifBlock("II", {
        0x10f: Buffer.from(`${text}\0`),
        0x110: Buffer.from("EOS R6\0"),
      });
      expect(cameraOf(readExifTags(block))).toMatchObject({ make: undefined, model: "EOS R6" });
    },
  );

  test.each([
    ["nothing", ""],
    ["the intro", "Exif\0\0"],
    ["a JPEG segment header", "\xff\xe1\x01\x00Exif\0\0"],
    ["an offset", "\0\0\0\x06Exif\0\0"],
  ])("are read from a block that begins with %s", async (_, start) => {
    const block = Buffer.from(await blockOf(ifds));
    const tiff = block.subarray(Math.max(block.indexOf("II*"), block.indexOf("MM\0*")));
    const exif = readExifTags(Buffer.concat([Buffer.from(start, "latin1"), tiff]));
    expect(cameraOf(exif)?.model).toBe("EOS R6");
  });

  test("a file without EXIF has neither", async () => {
    const blocks = alone(undefined);
    const { exif } = blocks;
    expect([cameraOf(exif), placeOf(exif), takenAtOf(blocks)]).toEqual([null, null, undefined]);
    expect(cameraOf(readExifTags(await blockOf({ IFD3: ifds.IFD3! })))).toBeNull();
  });

  test.each([
    ["nowhere on Earth", { GPSLatitude: "91/1 0/1 0/1" }],
    ["divided by zero", { GPSLatitude: "0/0 0/0 0/0" }],
  ])("a place %s is ignored", async (_, faulty) => {
    expect(placeOf(readExifTags(await blockOf({ IFD3: { ...ifds.IFD3!, ...faulty } })))).toBeNull();
  });

  test("names are cut, and have no control characters", () => {
    const tags = { Make: ["Ca\0n\u0007on"], Model: ["x".repeat(100_000)], LensModel: ["\ud800"] };
    expect(cameraOf({ tags, gps: {} })).toMatchObject({
      make: "Canon",
      model: "x".repeat(200),
      lens: "\ufffd",
    });
  });

  test.each([
    ["divided by zero", [1, 0]],
    ["negative", [-1, 250]],
    ["no number", ["fast"]],
    ["absent", undefined],
  ])("an exposure that is %s is ignored", (_, value) => {
    expect(cameraOf({ tags: { Make: ["A"], ExposureTime: value }, gps: {} })).toMatchObject({
      exposureTimeSeconds: undefined,
    });
  });
});

describe("a file's blocks are found", () => {
  const known = {
    camera: { make: "TestMaker", model: "Phone 1", lens: "Lens A" },
    place: { latitude: 47.25, longitude: -8.5, altitudeM: 412 },
  };
  const taken = { wallClock: "2024-05-17T18:03:22.450", offsetMinutes: 120, source: "exif" };

  async function expectKnown(path: string) {
    const mimeType = (await sniffFile(path))!;
    expect(await readPhotoFacts(path, mimeType)).toMatchObject(known);
    const { takenAt } = await readRecorded(path, await inspectImage(path, mimeType));
    expect(takenAt).toEqual(taken as typeof takenAt);
  }

  test("in HEIC, when the item has a JPEG segment header, as written by phones", async () => {
    await expectKnown(join(import.meta.dir, "../fixtures/pictures/heic-exif-app1.heic"));
  });

  test("in PNG after the pixels, and as ImageMagick's hexadecimal digits", async () => {
    const path = join(import.meta.dir, "../fixtures/exif-behind-pixels.png");
    await expectKnown(path);
    const { exif } = await readPngProfiles(await findPngTexts(path));
    const digits = (bytes: Uint8Array) =>
      Buffer.from(bytes).toString("hex").replace(/.{72}/g, "$&\n");
    const text = (name: string, bytes: Uint8Array) =>
      `Raw profile type ${name}\0\n${name}\n${String(bytes.length).padStart(8)}\n${digits(bytes)}\n`;
    const whole = Buffer.concat([Buffer.from("Exif\0\0"), exif!]);
    const png = await plain(32, 32, "red").png().toBuffer();
    for (const [name, bytes] of [
      ["exif", whole],
      ["exif", exif!],
      ["APP1", whole],
    ] as const) {
      await inFile(
        withPngChunks(png, pngChunk("tEXt", Buffer.from(text(name, bytes)))),
        expectKnown,
      );
      const [keyword, ...rest] = text(name, bytes).split("\0");
      const zipped = Buffer.concat([Buffer.from(`${keyword}\0\0`), deflateSync(rest.join("\0"))]);
      await inFile(withPngChunks(png, pngChunk("zTXt", zipped)), expectKnown);
    }
  });
});

describe("where EXIF has no date", () => {
  const takenOf = async (bytes: Buffer) => {
    let found: unknown;
    await inFile(bytes, async (path) => {
      const mimeType = (await sniffFile(path))!;
      found = (await readRecorded(path, await inspectImage(path, mimeType))).takenAt;
    });
    return found;
  };
  const xmp = (properties: string) =>
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" ${properties}/></rdf:RDF></x:xmpmeta>`;
  const at = (wallClock: string, offsetMinutes: number | undefined, source: string) => ({
    wallClock,
    offsetMinutes,
    source,
  });

  test.each([
    ['exif:DateTimeOriginal="2024-05-17T18:03:22.45+02:00"', "2024-05-17T18:03:22.450", 120],
    ['photoshop:DateCreated="2024-05-17T18:03:22Z"', "2024-05-17T18:03:22.000", 0],
    ['xmp:CreateDate="2024-05-17T18:03"', "2024-05-17T18:03:00.000", undefined],
    ['xmp:CreateDate="2024-05-17"', "2024-05-17T00:00:00.000", undefined],
    [
      'xmp:CreateDate="2025-01-01" photoshop:DateCreated="2024-05-17"',
      "2024-05-17T00:00:00.000",
      undefined,
    ],
  ])("it is XMP's: %s", async (properties, wallClock, offset) => {
    for (const format of ["jpeg", "png", "webp"] as const) {
      const bytes = await plain(32, 32, "red").toFormat(format).withXmp(xmp(properties)).toBuffer();
      expect(await takenOf(bytes)).toEqual(at(wallClock, offset, "xmp"));
    }
  });

  test.each([
    'xmp:CreateDate="2024"',
    'xmp:CreateDate="2024-05"',
    'xmp:CreateDate="soon"',
    "",
    'xmp:CreateDate="2024-02-30"',
  ])("a date that is invalid or has no day is ignored: %s", async (properties) => {
    const bytes = await plain(32, 32, "red").jpeg().withXmp(xmp(properties)).toBuffer();
    expect(await takenOf(bytes)).toBeUndefined();
  });

  test("it is IPTC's", async () => {
    const jpeg = await plain(32, 32, "red").jpeg().toBuffer();
    const iptc = (time: string[]) =>
      withIptc(jpeg, [[55, "20240517"], ...time.map((text): [number, string] => [60, text])]);
    expect(await takenOf(iptc(["180322-0330"]))).toEqual(
      at("2024-05-17T18:03:22.000", -210, "iptc"),
    );
    expect(await takenOf(iptc([]))).toEqual(at("2024-05-17T00:00:00.000", undefined, "iptc"));
  });

  test("it is EXIF's time of the last change as a last resort", async () => {
    const changed = { IFD0: { DateTime: "2024:05:17 18:03:22" } };
    const jpeg = () => plain(32, 32, "red").jpeg().withExif(changed);
    const modified = at("2024-05-17T18:03:22.000", undefined, "exif_modified");
    expect(await takenOf(await jpeg().toBuffer())).toEqual(modified);
    const dated = await jpeg().withXmp(xmp('xmp:CreateDate="2020-01-01"')).toBuffer();
    expect(await takenOf(dated)).toEqual(at("2020-01-01T00:00:00.000", undefined, "xmp"));
  });
});

describe("a broken block", () => {
  test("is read as far as possible and never fails, whatever bytes are flipped or cut", async () => {
    const whole = await blockOf({
      IFD0: { Make: "Canon" },
      IFD2: { DateTimeOriginal: "2024:05:17 18:03:22", UserComment: "a comment" },
      IFD3: { GPSLatitudeRef: "N", GPSLatitude: "1/1 2/1 3/1" },
    });
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state % below;
    };
    for (let round = 0; round < 3000; round += 1) {
      const broken = Buffer.from(whole.subarray(0, whole.length - random(whole.length)));
      for (let flips = 0; flips < 6 && broken.length > 0; flips += 1) {
        broken[random(broken.length)] = random(256);
      }
      const blocks = alone(broken);
      cameraOf(blocks.exif);
      placeOf(blocks.exif);
      takenAtOf(blocks);
    }
  });

  test("that references the same text a thousand times is read once", async () => {
    const entries = 2700;
    const block = Buffer.alloc(65_000, "A");
    block.write("II*\0\x08\0\0\0", "latin1");
    block.writeUInt16LE(entries, 8);
    const textAt = 10 + 12 * entries + 4;
    for (let entry = 0; entry < entries; entry += 1) {
      const at = 10 + 12 * entry;
      block.writeUInt16LE(0x10f, at);
      block.writeUInt16LE(2, at + 2);
      block.writeUInt32LE(block.length - textAt, at + 4);
      block.writeUInt32LE(textAt, at + 8);
    }
    expect(await processorMs(() => cameraOf(readExifTags(block)))).toBeLessThan(5_000);
  });
});
