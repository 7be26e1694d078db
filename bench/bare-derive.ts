import sharp, { type Sharp } from "sharp";
import { rgbaToThumbHash } from "thumbhash";
import { answerScript } from "./script";

type Work = { files: string[]; atOnce: number };

sharp.cache(false);
sharp.concurrency(1);
const webp = { quality: 80, effort: 1 };

/** What a photo needs of sharp and nothing else; settings as in media/derive.ts. @returns pictures a second */
async function derive({ files, atOnce }: Work): Promise<number> {
  let next = 0;
  const work = async () => {
    for (let path = files[next++]; path !== undefined; path = files[next++]) {
      const { data, info } = await fit(sharp(path, { failOn: "truncated", autoOrient: true }), 1600)
        .raw()
        .toBuffer({ resolveWithObject: true });
      const raw = { width: info.width, height: info.height, channels: info.channels };
      await sharp(data, { raw }).webp(webp).toBuffer();
      await fit(sharp(data, { raw }), 400).webp(webp).toBuffer();
      const small = await fit(sharp(data, { raw }), 100)
        .ensureAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      rgbaToThumbHash(small.info.width, small.info.height, small.data);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: atOnce }, work));
  return files.length / ((performance.now() - startedAt) / 1_000);
}

function fit(picture: Sharp, side: number): Sharp {
  return picture.resize({ width: side, height: side, fit: "inside", withoutEnlargement: true });
}

await answerScript(derive);
