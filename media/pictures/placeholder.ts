import { crc32, deflateSync } from "node:zlib";
import { thumbHashToRGBA } from "thumbhash";

/** Enough for the coarse light and colours of a stretched picture. */
const longEdge = 7;

type Pixels = { w: number; h: number; rgba: Uint8Array };

/**
 * A picture of a few pixels as a `data:image/png;…` URL of about 250 characters, stretched as the background of a
 * photo until it has loaded. null for a photo with transparency: the placeholder would be visible through it.
 * @param thumbhash base64
 */
export function placeholderUrl(thumbhash: string): string | null {
  const decoded = thumbHashToRGBA(Buffer.from(thumbhash, "base64"));
  if (decoded.rgba.some((value, at) => at % 4 === 3 && value < 255)) return null;
  return `data:image/png;base64,${encodePng(shrink(decoded)).toString("base64")}`;
}

/** The mean of each cell of a coarse grid. */
function shrink({ w, h, rgba }: Pixels): Pixels {
  const scale = longEdge / Math.max(w, h);
  const small = { w: Math.max(1, Math.round(w * scale)), h: Math.max(1, Math.round(h * scale)) };
  const sums = new Float64Array(small.w * small.h * 4);
  const counts = new Uint32Array(small.w * small.h);
  for (let at = 0; at < w * h; at += 1) {
    const x = Math.floor(((at % w) * small.w) / w);
    const y = Math.floor((Math.floor(at / w) * small.h) / h);
    const field = y * small.w + x;
    counts[field]! += 1;
    for (let channel = 0; channel < 4; channel += 1) {
      sums[field * 4 + channel]! += rgba[at * 4 + channel]!;
    }
  }
  return { ...small, rgba: Uint8Array.from(sums, (sum, at) => sum / counts[at >> 2]!) };
}

/** 8-bit RGB, one IDAT (PNG specification, 5.3 and 11.2). */
function encodePng({ w, h, rgba }: Pixels): Buffer {
  const rows = Buffer.alloc((w * 3 + 1) * h);
  for (let at = 0; at < w * h; at += 1) {
    const filters = Math.floor(at / w) + 1;
    rows.set(rgba.subarray(at * 4, at * 4 + 3), at * 3 + filters);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(w, 0);
  header.writeUInt32BE(h, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const framed = Buffer.alloc(data.length + 12);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, "latin1");
  framed.set(data, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, data.length + 8)), data.length + 8);
  return framed;
}
