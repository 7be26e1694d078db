import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { onStorage } from "./faults";

const unzip = promisify(inflate);

const signatureBytes = 8;
/** Length, type and, after the data, CRC: four bytes each. */
const chunkFrameBytes = 12;
const maxKeywordBytes = 79;
/** A writer that splits its pixels finely stays below; a file made of empty chunks is not read to its end. */
const maxChunks = 50_000;

/**
 * The text a PNG carries under `keyword` (tEXt, zTXt or iTXt; PNG specification, 11.3.3). Only chunk
 * heads and that one chunk are read. undefined when there is none, or when the chunk, compressed
 * or not, holds more than `maxBytes`, or is damaged: the pictures come from anywhere.
 */
export async function readPngText(
  path: string,
  keyword: string,
  maxBytes: number,
): Promise<string | undefined> {
  return onStorage(async () => {
    const file = await open(path);
    try {
      return await findText(file, keyword, maxBytes);
    } finally {
      await file.close();
    }
  });
}

async function findText(
  file: FileHandle,
  keyword: string,
  maxBytes: number,
): Promise<string | undefined> {
  let at = signatureBytes;
  for (let seen = 0; seen < maxChunks; seen += 1) {
    const head = await readAt(file, at, 8 + maxKeywordBytes + 1);
    if (head.length < 8) return undefined;
    const dataBytes = head.readUInt32BE(0);
    const type = head.toString("latin1", 4, 8);
    if (type === "IEND") return undefined;
    const isText = type === "tEXt" || type === "zTXt" || type === "iTXt";
    if (isText && head.subarray(8).indexOf(`${keyword}\0`, 0, "latin1") === 0) {
      if (dataBytes > maxBytes) return undefined;
      const data = await readAt(file, at + 8, dataBytes);
      return decodeText(type, data.subarray(keyword.length + 1), maxBytes);
    }
    at += chunkFrameBytes + dataBytes;
  }
  return undefined;
}

/** `body` is what follows the keyword and its NUL. */
async function decodeText(
  type: "tEXt" | "zTXt" | "iTXt",
  body: Buffer,
  maxBytes: number,
): Promise<string | undefined> {
  if (type === "tEXt") return body.toString("latin1");
  // Compression method 0, which is deflate, is the only one there is.
  if (type === "zTXt") return (await unzipText(body.subarray(1), maxBytes))?.toString("latin1");
  const isCompressed = body[0] === 1;
  const languageEnd = body.indexOf(0, 2);
  const translationEnd = languageEnd === -1 ? -1 : body.indexOf(0, languageEnd + 1);
  if (translationEnd === -1) return undefined;
  const text = body.subarray(translationEnd + 1);
  return (isCompressed ? await unzipText(text, maxBytes) : text)?.toString("utf8");
}

async function unzipText(data: Buffer, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await unzip(data, { maxOutputLength: maxBytes });
  } catch {
    // Damaged, or more than the cap: the same as no text.
    return undefined;
  }
}

async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  return buffer.subarray(0, bytesRead);
}
