import sharp from "sharp";

/** A small PNG of one colour; each colour gives a different file. */
export function smallPng(colour = { r: 200, g: 120, b: 40 }, side = 64): Promise<Buffer> {
  return sharp({ create: { width: side, height: side, channels: 3, background: colour } })
    .png()
    .toBuffer();
}
