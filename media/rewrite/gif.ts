import type { Change } from "./change";
import { createPieces, UnsupportedStructure, type Piece } from "./pieces";
import type { Reader } from "./reader";

/** GIF89a, 17 to 27. */
const block = { extension: 0x21, image: 0x2c, trailer: 0x3b };
const label = { plainText: 0x01, graphicControl: 0xf9, application: 0xff };
const headBytes = 13;
const graphicControlBytes = 8;
const imageHeadBytes = 10;
/** Application extensions with the loop count of an animation, in the same format. */
const loopNames = ["NETSCAPE2.0", "ANIMEXTS1.0"];
const applicationNameBytes = 11;

/**
 * Strips a GIF down to its frames, their delays and the loop count. Comments, plain text extensions (which no viewer
 * shows), XMP, other extensions and data after the trailer are left out.
 * @throws UnsupportedStructure when it violates the format; also for a stamp, which GIF does not support
 */
export async function rewriteGif(reader: Reader, change: Change): Promise<readonly Piece[]> {
  if (change.kind === "stamp") throw new UnsupportedStructure("GIF has no stamp");
  const pieces = createPieces();
  const head = await reader.exactly(0, headBytes);
  let at = headBytes + colourTableBytes(head[10]!);
  pieces.keep(0, at);
  // It belongs only to the next image or text; the last of several counts.
  let control: number | undefined;
  for (;;) {
    const kind = (await reader.exactly(at, 1))[0]!;
    if (kind === block.trailer) {
      pieces.add(Buffer.from([block.trailer]));
      return pieces.list;
    }
    if (kind === block.image) {
      const end = await findImageEnd(reader, at);
      if (control !== undefined) pieces.keep(control, control + graphicControlBytes);
      control = undefined;
      pieces.keep(at, end);
      at = end;
      continue;
    }
    if (kind !== block.extension) throw new UnsupportedStructure("an unknown block");
    const of = (await reader.exactly(at, 2))[1]!;
    const end = await findBlocksEnd(reader, at + 2);
    if (of === label.graphicControl) {
      if (end - at !== graphicControlBytes)
        throw new UnsupportedStructure("an odd graphic control");
      control = at;
    } else if (of === label.plainText) {
      control = undefined;
    } else if (of === label.application) {
      const loop = await readLoop(reader, at, end);
      if (loop) pieces.add(loop);
    }
    at = end;
  }
}

/** 18.c and 20.c: the size of the colour table, or zero without one. */
function colourTableBytes(packed: number): number {
  return (packed & 0x80) === 0 ? 0 : 3 * 2 ** ((packed & 0x07) + 1);
}

async function findImageEnd(reader: Reader, at: number): Promise<number> {
  const head = await reader.exactly(at, imageHeadBytes);
  const codeSizeAt = at + imageHeadBytes + colourTableBytes(head[9]!);
  return findBlocksEnd(reader, codeSizeAt + 1);
}

/** Behind the empty block that ends a series of blocks, each of which begins with its length. */
async function findBlocksEnd(reader: Reader, start: number): Promise<number> {
  for (let at = start; ;) {
    const held = await reader.from(at);
    if (held.length === 0) throw new UnsupportedStructure("ends too early");
    let next = 0;
    while (next < held.length) {
      const bytes = held[next]!;
      if (bytes === 0) return at + next + 1;
      next += 1 + bytes;
    }
    at += next;
  }
}

/** The loop count alone, without other data in the same extension. */
async function readLoop(reader: Reader, at: number, end: number): Promise<Buffer | undefined> {
  const loopAt = at + 3 + applicationNameBytes;
  if (loopAt + 5 > end) return undefined;
  const start = await reader.exactly(at, loopAt + 5 - at);
  const name = start.toString("latin1", 3, 3 + applicationNameBytes);
  const [bytes, subject] = start.subarray(-5);
  const isLoop = start[2] === applicationNameBytes && loopNames.includes(name);
  if (!isLoop || bytes !== 3 || subject !== 1) return undefined;
  return Buffer.from([...start.subarray(0, -1), 0]);
}
