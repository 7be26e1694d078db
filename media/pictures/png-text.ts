import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { walkPngFile } from "./png-chunks";

const unzip = promisify(inflate);

type TextType = "tEXt" | "zTXt" | "iTXt";
const isTextType = (type: string): type is TextType => ["tEXt", "zTXt", "iTXt"].includes(type);

/**
 * Reads the first text of a PNG for each of `keywords` (tEXt, zTXt or iTXt; PNG specification, 11.3.3). Only chunk
 * headers and those chunks are read. A text is left out when its chunk, compressed or not, is longer than `maxBytes`
 * or damaged: the pictures are untrusted.
 */
export async function readPngTexts<Keyword extends string>(
  path: string,
  keywords: readonly Keyword[],
  maxBytes: number,
): Promise<Partial<Record<Keyword, string>>> {
  const texts: Partial<Record<Keyword, string>> = {};
  const seen = new Set<string>();
  async function keep(keyword: Keyword, type: TextType, read: () => Promise<Buffer>) {
    const body = (await read()).subarray(keyword.length + 1);
    const text = await decodeText(type, body, maxBytes);
    if (text !== undefined) texts[keyword] = text;
  }
  await walkPngFile(path, ({ type, bytes, peek }, read) => {
    if (!isTextType(type)) return true;
    const named = peek.toString("latin1", 0, peek.indexOf(0));
    const keyword = keywords.find((candidate) => candidate === named);
    if (keyword === undefined || seen.has(keyword)) return true;
    seen.add(keyword);
    const isMore = seen.size < keywords.length;
    return bytes > maxBytes ? isMore : keep(keyword, type, read).then(() => isMore);
  });
  return texts;
}

/** `body` follows the keyword and its NUL. */
async function decodeText(
  type: TextType,
  body: Buffer,
  maxBytes: number,
): Promise<string | undefined> {
  if (type === "tEXt") return plainText(body);
  // Method 0, deflate, is the only compression method.
  if (type === "zTXt") return plainText(await unzipText(body.subarray(1), maxBytes));
  const isCompressed = body[0] === 1;
  const languageEnd = body.indexOf(0, 2);
  const translationEnd = languageEnd === -1 ? -1 : body.indexOf(0, languageEnd + 1);
  if (translationEnd === -1) return undefined;
  const text = body.subarray(translationEnd + 1);
  return (isCompressed ? await unzipText(text, maxBytes) : text)?.toString("utf8");
}

/** Latin-1 by the specification; but many writers use UTF-8, so valid UTF-8 is read as such. */
function plainText(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString(isUtf8(bytes) ? "utf8" : "latin1");
}

async function unzipText(data: Buffer, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await unzip(data, { maxOutputLength: maxBytes });
  } catch {
    // Damaged or longer than the limit: the same as no text.
    return undefined;
  }
}
