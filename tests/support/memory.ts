import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { ingestImage } from "#media/pictures/ingest";
import { plain } from "#tests/fixtures/pictures";
import { corners, expectNear } from "./pixels";

/** The peak growth of the process, in bytes of resident memory, while `work` ran. */
export async function growthDuring(work: () => Promise<unknown>): Promise<number> {
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let highest = before;
  const pulse = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss());
  }, 5);
  await work();
  clearInterval(pulse);
  return highest - before;
}

/** The peak growth of the process, in bytes, while it ingested a JPEG of this size that EXIF turns. */
export async function growthOfTurnedJpeg(size: { width: number; height: number }) {
  const folder = await mkdtemp(join(tmpdir(), "media-turned-"));
  try {
    const path = join(folder, "turned.jpg");
    const { size: bytes } = await plain(size.width, size.height, "#3070b0")
      .jpeg({ quality: 50 })
      .withMetadata({ orientation: 6 })
      .toFile(path);
    const limits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 120 };
    return await growthDuring(async () => {
      const image = await ingestImage({ path, bytes, contentHash: "0".repeat(64) }, limits);
      expect([image.width, image.height]).toEqual([size.height, size.width]);
      expectNear((await corners(image.preview))[0], [0x30, 0x70, 0xb0]);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
