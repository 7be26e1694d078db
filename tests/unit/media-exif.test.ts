import { describe, expect, test } from "bun:test";
import sharp from "sharp";
import { cameraOf, placeOf } from "#media/metadata/camera";
import { readExifTags } from "#media/metadata/exif-tags";
import { takenAtOf } from "#media/metadata/taken-at";
import { plain } from "#tests/fixtures/pictures";

type Ifds = NonNullable<Parameters<ReturnType<typeof plain>["withExif"]>[0]>;

/** The block as it stands in a file with these tags. */
async function blockOf(ifds: Ifds, format: "jpeg" | "png" | "webp" | "avif" = "jpeg") {
  const picture = await plain(32, 32, "red").toFormat(format).withExif(ifds).toBuffer();
  return (await sharp(picture).metadata()).exif!;
}

const takenWith = async (tags: Record<string, string>) =>
  takenAtOf(readExifTags(await blockOf({ IFD2: tags })));

describe("the moment a picture was taken", () => {
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
  ])("is the camera's wall clock: %s", async (_, tags, wallClock, offsetMinutes) => {
    const taken = await takenWith({ DateTimeOriginal: "2024:05:17 18:03:22", ...tags });
    expect(taken).toEqual({ wallClock, offsetMinutes });
  });

  test("is the time of digitizing, with its own fraction and offset, where there is no other", async () => {
    const digitized = {
      DateTimeDigitized: "2001:01:01 00:00:01",
      SubSecTimeDigitized: "7",
      OffsetTimeDigitized: "+01:00",
      OffsetTimeOriginal: "+09:00",
    };
    const expected = { wallClock: "2001-01-01T00:00:01.700", offsetMinutes: 60 };
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
  ])("is none for %s", async (date) => {
    expect(await takenWith({ DateTimeOriginal: date })).toBeUndefined();
  });

  test("is found on 29 February of a leap year", async () => {
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

  test("a file that tells nothing has neither", async () => {
    const exif = readExifTags(undefined);
    expect([cameraOf(exif), placeOf(exif), takenAtOf(exif)]).toEqual([null, null, undefined]);
    expect(cameraOf(readExifTags(await blockOf({ IFD3: ifds.IFD3! })))).toBeNull();
  });

  test.each([
    ["nowhere on Earth", { GPSLatitude: "91/1 0/1 0/1" }],
    ["divided by zero", { GPSLatitude: "0/0 0/0 0/0" }],
  ])("a place %s is none", async (_, faulty) => {
    expect(placeOf(readExifTags(await blockOf({ IFD3: { ...ifds.IFD3!, ...faulty } })))).toBeNull();
  });

  test("names are cut, and hold no control characters", () => {
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
  ])("an exposure that is %s is none", (_, value) => {
    expect(cameraOf({ tags: { Make: ["A"], ExposureTime: value }, gps: {} })).toMatchObject({
      exposureTimeSeconds: undefined,
    });
  });
});

describe("a broken block", () => {
  test("reads as far as it goes and never fails, whatever bytes are flipped or cut", async () => {
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
      const exif = readExifTags(broken);
      cameraOf(exif);
      placeOf(exif);
      takenAtOf(exif);
    }
  });

  test("that makes one text of itself a thousand times is read in no time", () => {
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
    const start = performance.now();
    cameraOf(readExifTags(block));
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
