import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { onStorage } from "./faults";

const unzip = promisify(inflate);

const signatureBytes = 8;
/** Length, type and, after the data, CRC: four bytes each. */
const chunkFrameBytes = 12;
const maxKeywordBytes = 79;
const windowBytes = 65_536;
/** A writer that splits its pixels finely stays below; a file made of empty chunks is not read to its end. */
const maxChunks = 50_000;

/**
 * The texts a PNG carries under `keywords` (tEXt, zTXt or iTXt; PNG specification, 11.3.3), of each the first.
 * Only chunk heads and those chunks are read. A text is left out when its chunk, compressed or not, holds more
 * than `maxBytes`, or is damaged: the pictures come from anywhere.
 */
export async function readPngTexts<Keyword extends string>(
  path: string,
  keywords: readonly Keyword[],
  maxBytes: number,
): Promise<Partial<Record<Keyword, string>>> {
  return onStorage(async () => {
    const file = await open(path);
    try {
      return await findTexts(file, keywords, maxBytes);
    } finally {
      await file.close();
    }
  });
}

async function findTexts<Keyword extends string>(
  file: FileHandle,
  keywords: readonly Keyword[],
  maxBytes: number,
): Promise<Partial<Record<Keyword, string>>> {
  const texts: Partial<Record<Keyword, string>> = {};
  const seen = new Set<string>();
  const read = windowOn(file);
  let at = signatureBytes;
  for (let chunk = 0; chunk < maxChunks && seen.size < keywords.length; chunk += 1) {
    const head = await read(at, 8 + maxKeywordBytes + 1);
    if (head.length < 8) break;
    const dataBytes = head.readUInt32BE(0);
    const type = head.toString("latin1", 4, 8);
    if (type === "IEND") break;
    if (type === "tEXt" || type === "zTXt" || type === "iTXt") {
      const named = head.toString("latin1", 8, head.indexOf(0, 8));
      const keyword = keywords.find((candidate) => candidate === named);
      if (keyword !== undefined && !seen.has(keyword)) {
        seen.add(keyword);
        const data = dataBytes > maxBytes ? undefined : await readAt(file, at + 8, dataBytes);
        const text = data && (await decodeText(type, data.subarray(keyword.length + 1), maxBytes));
        if (text !== undefined) texts[keyword] = text;
      }
    }
    at += chunkFrameBytes + dataBytes;
  }
  return texts;
}

/** `body` is what follows the keyword and its NUL. */
async function decodeText(
  type: "tEXt" | "zTXt" | "iTXt",
  body: Buffer,
  maxBytes: number,
): Promise<string | undefined> {
  if (type === "tEXt") return plainText(body);
  // Compression method 0, which is deflate, is the only one there is.
  if (type === "zTXt") return plainText(await unzipText(body.subarray(1), maxBytes));
  const isCompressed = body[0] === 1;
  const languageEnd = body.indexOf(0, 2);
  const translationEnd = languageEnd === -1 ? -1 : body.indexOf(0, languageEnd + 1);
  if (translationEnd === -1) return undefined;
  const text = body.subarray(translationEnd + 1);
  return (isCompressed ? await unzipText(text, maxBytes) : text)?.toString("utf8");
}

/** Latin-1 by the specification; what is valid UTF-8 was meant so by a writer who did not know that. */
function plainText(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString(isUtf8(bytes) ? "utf8" : "latin1");
}

async function unzipText(data: Buffer, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await unzip(data, { maxOutputLength: maxBytes });
  } catch {
    // Damaged, or more than the cap: the same as no text.
    return undefined;
  }
}

/** Reads by the block: pixels often come as thousands of small chunks, each of which costs a call. */
function windowOn(file: FileHandle): (position: number, bytes: number) => Promise<Buffer> {
  let start = 0;
  let held: Buffer = Buffer.alloc(0);
  return async (position, bytes) => {
    if (position < start || position + bytes > start + held.length) {
      held = await readAt(file, position, windowBytes);
      start = position;
    }
    return held.subarray(position - start, position - start + bytes);
  };
}

async function readAt(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  return buffer.subarray(0, bytesRead);
}
