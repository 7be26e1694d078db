/** The raw values of an EXIF block by tag number. If a tag occurs twice, the first counts. */
export type ExifBytes = Readonly<{
  /** Of the first directory and the EXIF directory. */
  tags: ReadonlyMap<number, Buffer>;
  gps: ReadonlyMap<number, Buffer>;
  isLittleEndian: boolean;
}>;

/** Bytes of one value by its type (TIFF 6.0; type 129 is UTF-8, EXIF 3.0). */
const bytesOfType: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  129: 1,
};
const maxEntries = 2_000;
const pointers = { exposure: 0x8769, gps: 0x8825 };
const headBytes = 64;

/**
 * Finds the TIFF structure in an EXIF block. Some writers put `Exif`, an offset or, in HEIC, a JPEG segment header
 * before it. undefined when there is none.
 */
export function tiffIn(block: Buffer): Buffer | undefined {
  const head = block.toString("latin1", 0, headBytes);
  const at = /II\*\0|MM\0\*/.exec(head)?.index;
  return at === undefined ? undefined : block.subarray(at);
}

export function readExifBytes(tiff: Buffer): ExifBytes {
  const isLittleEndian = tiff[0] === 0x49;
  const u16 = (at: number) => (isLittleEndian ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const u32 = (at: number) => (isLittleEndian ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));

  function readDirectory(at: number, into: Map<number, Buffer>) {
    if (at + 2 > tiff.length) return into;
    const count = Math.min(u16(at), maxEntries);
    for (let entry = 0; entry < count; entry += 1) {
      const entryAt = at + 2 + 12 * entry;
      if (entryAt + 12 > tiff.length) break;
      const tag = u16(entryAt);
      const bytes = (bytesOfType[u16(entryAt + 2)] ?? 0) * u32(entryAt + 4);
      const valueAt = bytes > 4 ? u32(entryAt + 8) : entryAt + 8;
      if (bytes === 0 || valueAt + bytes > tiff.length || into.has(tag)) continue;
      into.set(tag, tiff.subarray(valueAt, valueAt + bytes));
    }
    return into;
  }
  const pointed = (tags: ReadonlyMap<number, Buffer>, tag: number) => {
    const pointer = tags.get(tag);
    if (pointer?.length !== 4) return tiff.length;
    return isLittleEndian ? pointer.readUInt32LE() : pointer.readUInt32BE();
  };
  const tags = readDirectory(tiff.length < 8 ? tiff.length : u32(4), new Map());
  const gps = readDirectory(pointed(tags, pointers.gps), new Map());
  readDirectory(pointed(tags, pointers.exposure), tags);
  return { tags, gps, isLittleEndian };
}
