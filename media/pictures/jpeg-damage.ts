import { readFile } from "node:fs/promises";

const [startOfScan, endOfImage] = [Buffer.from([0xff, 0xda]), Buffer.from([0xff, 0xd9])];

/** The maximum length of a JPEG segment. */
const longestSegment = 65_537;

/**
 * Reads a JPEG that is damaged inside but complete to its end, in a form that lenient decoders accept. Damage that
 * looks like a segment may hide the end marker, so the marker is repeated after the longest possible segment.
 * undefined for a truncated file: no end marker follows the start of its last scan. In coded pixels a byte of 0xff is
 * followed by zero (ITU-T T.81, B.1.1.5), so neither marker occurs there by chance.
 */
export async function readDamagedJpeg(path: string): Promise<Uint8Array | undefined> {
  const file = await readFile(path);
  const scan = file.lastIndexOf(startOfScan);
  if (scan === -1 || !file.includes(endOfImage, scan)) return undefined;
  return Buffer.concat([file, Buffer.alloc(longestSegment), endOfImage]);
}
