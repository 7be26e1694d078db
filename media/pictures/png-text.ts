import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { inflate } from "node:zlib";
import { type ChunkPlace, readPngChunk, walkPngFile } from "./png-chunks";

const unzip = promisify(inflate);

type TextType = "tEXt" | "zTXt" | "iTXt";
const isTextType = (type: string): type is TextType => ["tEXt", "zTXt", "iTXt"].includes(type);

/** What a PNG holds beside its pixels. Each method reads from the file. */
export type PngTexts = Readonly<{
  /**
   * The first text with each of these keywords. One is left out when its chunk, compressed or not, is longer than
   * `maxBytes` or damaged: the pictures are untrusted.
   */
  read: <Keyword extends string>(
    keywords: readonly Keyword[],
    maxBytes: number,
  ) => Promise<Partial<Record<Keyword, string>>>;
  /** The first EXIF block of at most `maxBytes`. */
  readExif: (maxBytes: number) => Promise<Buffer | undefined>;
}>;

/**
 * Finds the texts (tEXt, zTXt or iTXt; PNG specification, 11.3.3) and the EXIF blocks of a PNG, before and after its pixels, by
 * the headers of its chunks: one pass over a file of megabytes.
 */
export async function findPngTexts(path: string): Promise<PngTexts> {
  // Without `peek`, which would keep the file in memory.
  const texts = new Map<string, ChunkPlace & { type: TextType }>();
  const exifs: ChunkPlace[] = [];
  await walkPngFile(path, ({ type, from, bytes, peek }) => {
    if (type === "eXIf") exifs.push({ from, bytes });
    if (!isTextType(type)) return true;
    const keyword = peek.toString("latin1", 0, peek.indexOf(0));
    if (!texts.has(keyword)) texts.set(keyword, { type, from, bytes });
    return true;
  });

  return {
    async read<Keyword extends string>(keywords: readonly Keyword[], maxBytes: number) {
      const found: Partial<Record<Keyword, string>> = {};
      for (const keyword of keywords) {
        const entry = texts.get(keyword);
        if (!entry || entry.bytes > maxBytes) continue;
        const body = (await readPngChunk(path, entry)).subarray(keyword.length + 1);
        const text = await decodeText(entry.type, body, maxBytes);
        if (text !== undefined) found[keyword] = text;
      }
      return found;
    },

    async readExif(maxBytes) {
      const chunk = exifs.find(({ bytes }) => bytes <= maxBytes);
      return chunk && readPngChunk(path, chunk);
    },
  };
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
