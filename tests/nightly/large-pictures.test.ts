import { expect, test } from "bun:test";
import { growthOfTurnedJpeg } from "#tests/support/memory";

test("a JPEG of 200 megapixels that EXIF turns is ingested in less than 150 MB", async () => {
  // Decoded as a whole it takes 600 MB.
  const growth = await growthOfTurnedJpeg({ width: 16_320, height: 12_240 });
  expect(growth).toBeLessThan(150_000_000);
}, 120_000);
