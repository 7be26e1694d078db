import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "bun:test";
import {
  crowdedGif,
  crowdedHeic,
  crowdedJpeg,
  crowdedPng,
  crowdedWebp,
} from "#tests/fixtures/costly-pictures";
import { painted, pngChunk, withPngChunks } from "#tests/fixtures/pictures";
import { startApiProcess } from "#tests/support/api-process";
import { formOf } from "#tests/support/uploads";

const api = await startApiProcess();
afterAll(() => api.stop());

/** Processor time of the thread that answers requests, in milliseconds; other load of the machine is not counted. */
async function mainThreadMs(): Promise<number> {
  const { pid } = api.child;
  const text = await readFile(`/proc/${pid}/task/${pid}/schedstat`, "utf8");
  return Number(text.split(" ")[0]) / 1_000_000;
}

async function uploadMs(bytes: Uint8Array): Promise<number> {
  const before = await mainThreadMs();
  const body = formOf([{ bytes }]);
  const response = await fetch(`${api.url}/api/v1/photos`, { method: "POST", body });
  expect([200, 201, 422]).toContain(response.status);
  return (await mainThreadMs()) - before;
}

/** A normal PNG, padded to this size with one unknown chunk. */
async function padded(bytes: number): Promise<Buffer> {
  const png = await painted(64, 48).png().toBuffer();
  return withPngChunks(png, pngChunk("vpAg", Buffer.alloc(bytes)));
}

test.each([
  ["a PNG of 1.6 million chunks", () => crowdedPng(1_600_000)],
  ["a JPEG of a million segments", () => crowdedJpeg(1_000_000)],
  ["a WebP of a million chunks", () => crowdedWebp(1_000_000)],
  ["a GIF of a million blocks", () => crowdedGif(1_000_000)],
  ["a HEIC of a million boxes", () => crowdedHeic(1_000_000)],
] as const)(
  "%s takes hardly more time of the main thread than another upload of its size",
  async (_, make) => {
    const bytes = await make();
    // Warm-up: the first upload compiles the code.
    await uploadMs(await padded(1));
    const usual = await uploadMs(await padded(bytes.length));
    const crowded = await uploadMs(bytes);
    // Walking all of them takes twice as long and more; walking some of them a tenth.
    expect(crowded - usual).toBeLessThan(300);
  },
  60_000,
);
