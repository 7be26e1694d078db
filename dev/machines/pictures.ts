import { deflateSync } from "node:zlib";

const side = 48;

/** A small PNG; each number has other pixels. */
export function tinyPng(number: number): Buffer<ArrayBuffer> {
  const row = Buffer.alloc(1 + 3 * side);
  for (let x = 0; x < side; x += 1) {
    row.writeUIntBE((number * 2_654_435_761 + x * 40_503) & 0xff_ff_ff, 1 + 3 * x, 3);
  }
  row.writeUIntBE(number, 1, 3);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2], 8);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: side }, () => row)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const chunks = [chunk("IHDR", head), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([signature, ...chunks]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(Bun.hash.crc32(body));
  return Buffer.concat([length, body, sum]);
}
