import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { paint } from "#simulators/invokeai/paint";
import { addPngText } from "#simulators/invokeai/png-text";

const side = 1024;
/** Of 255. A painted scene is flat; with this much grain it is as large as a generated picture or a photo. */
const grain = 12;

/** Paints this many pictures of 1024², some 2 MB each. */
export async function paintPictures(amount: number): Promise<Buffer[]> {
  const pictures: Buffer[] = [];
  for (let seed = 0; seed < amount; seed += 1) {
    const scene = await paint({ prompt: "hills by the sea", seed, width: side, height: side });
    const { data, info } = await sharp(scene).raw().toBuffer({ resolveWithObject: true });
    const noise = new Uint8Array(65_536);
    for (let at = 0; at < data.length; at += 1) {
      if (at % noise.length === 0) crypto.getRandomValues(noise);
      const shift = ((noise[at % noise.length]! - 128) * grain) / 255;
      data[at] = Math.max(0, Math.min(255, data[at]! + shift));
    }
    const { width, height, channels } = info;
    const png = sharp(data, { raw: { width, height, channels } }).png({ compressionLevel: 3 });
    pictures.push(await png.toBuffer());
  }
  return pictures;
}

/** Writes the pictures as files of this name; files of another name have other bytes, but the same pixels. */
export async function writePictures(
  pictures: readonly Buffer[],
  folder: string,
  name: string,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return Promise.all(
    pictures.map(async (png, index) => {
      const path = join(folder, `${name}-${index}.png`);
      await writeFile(path, addPngText(png, { Title: `${name} ${index}` }));
      return path;
    }),
  );
}
