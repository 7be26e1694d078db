import { deriveWithSharp } from "./derive-with-sharp";
import { answerScript } from "./script";

type Work = { files: string[]; atOnce: number };

/** @returns pictures per second */
async function derive({ files, atOnce }: Work): Promise<number> {
  let next = 0;
  const work = async () => {
    for (let path = files[next++]; path !== undefined; path = files[next++])
      await deriveWithSharp(path);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: atOnce }, work));
  return files.length / ((performance.now() - startedAt) / 1_000);
}

await answerScript(derive);
