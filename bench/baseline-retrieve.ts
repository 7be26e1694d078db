import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deriveWithSharp } from "./derive-with-sharp";
import { answerScript } from "./script";

type Work = { urls: string[]; atOnce: number };

/**
 * Downloads pictures to files and derives a photo's images, and does nothing else.
 * @returns seconds
 */
async function retrieve({ urls, atOnce }: Work): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "gallery-plain-"));
  let next = 0;
  const work = async () => {
    for (let at = next++; at < urls.length; at = next++) {
      const path = join(folder, `${at}.png`);
      await Bun.write(path, await fetch(urls[at]!));
      await deriveWithSharp(path);
    }
  };
  try {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: atOnce }, work));
    return (performance.now() - startedAt) / 1_000;
  } finally {
    await rm(folder, { recursive: true });
  }
}

await answerScript(retrieve);
