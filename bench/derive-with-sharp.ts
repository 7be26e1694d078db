import sharp, { type Sharp } from "sharp";
import { rgbaToThumbHash } from "thumbhash";

sharp.cache(false);
sharp.concurrency(1);
const webp = { quality: 80, effort: 1 };

/** A photo's work in sharp and nothing else; settings as in media/pictures/derive.ts. */
export async function deriveWithSharp(path: string): Promise<void> {
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

function fit(picture: Sharp, side: number): Sharp {
  return picture.resize({ width: side, height: side, fit: "inside", withoutEnlargement: true });
}
