import { createReader } from "../rewrite/reader";

/** The position of a GIF's first frame on the canvas that all frames share. */
export type GifCanvas = Readonly<{
  width: number;
  height: number;
  frame: Readonly<{ left: number; top: number; width: number; height: number }>;
}>;

/** Blocks before the first frame, such as comments; only a crafted file has more. */
const maxBlocks = 20_000;
const headBytes = 13;

/**
 * Reads the canvas of a GIF (GIF89a, sections 18 and 20). The decoder takes some canvas sizes, such as 640×480, for a
 * mistake and uses the first frame's size instead. A frame that extends beyond the canvas enlarges it.
 * @returns undefined when no frame is found
 */
export async function readGifCanvas(file: Blob): Promise<GifCanvas | undefined> {
  const reader = createReader(file);
  if (reader.bytes < headBytes) return undefined;
  const head = await reader.exactly(0, headBytes);
  let at = headBytes + (head[10]! & 0x80 ? 3 * 2 ** ((head[10]! & 7) + 1) : 0);
  const [width, height] = [head.readUInt16LE(6), head.readUInt16LE(8)];
  let isInExtension = false;
  for (let blocks = 0; blocks < maxBlocks && at + 10 <= reader.bytes; blocks += 1) {
    const bytes = await reader.exactly(at, 10);
    if (isInExtension) {
      // A block's length, or zero at the extension's end.
      isInExtension = bytes[0] !== 0;
      at += 1 + bytes[0]!;
    } else if (bytes[0] === 0x21) {
      isInExtension = true;
      at += 2;
    } else if (bytes[0] === 0x2c) {
      const [left, top] = [bytes.readUInt16LE(1), bytes.readUInt16LE(3)];
      const frame = { left, top, width: bytes.readUInt16LE(5), height: bytes.readUInt16LE(7) };
      return {
        width: Math.max(width, left + frame.width),
        height: Math.max(height, top + frame.height),
        frame,
      };
    } else {
      return undefined;
    }
  }
  return undefined;
}
