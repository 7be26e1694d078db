const SIGNATURE_AND_IHDR_BYTES = 8 + 25;

/** Adds text chunks to a PNG after its header, like Pillow: Latin-1 as tEXt, the rest as iTXt. */
export function addPngText(png: Buffer, texts: Record<string, string>): Buffer {
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return Buffer.concat([
    png.subarray(0, SIGNATURE_AND_IHDR_BYTES),
    ...chunks,
    png.subarray(SIGNATURE_AND_IHDR_BYTES),
  ]);
}

function textChunk(keyword: string, text: string): Buffer {
  const isLatin1 = Buffer.from(text, "latin1").toString("latin1") === text;
  if (isLatin1) return chunk("tEXt", Buffer.from(`${keyword}\0${text}`, "latin1"));
  // Keyword, "not compressed", no language, no translated keyword.
  return chunk("iTXt", Buffer.from(`${keyword}\0\0\0\0\0${text}`, "utf8"));
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(Bun.hash.crc32(typed) >>> 0);
  return Buffer.concat([length, typed, checksum]);
}
