import { createHash } from "node:crypto";
import type { NewPhoto } from "./schema/photos";
import { indexWords } from "./words";

/** What a photo is found by. */
export type SearchedFields = Pick<NewPhoto, "filename" | "title" | "tags" | "generation">;
export type SearchColumns = { search: string; tagKeys: string[]; promptHash: string | null };

/** A tsvector holds 1 MB, 4 bytes of each word beside the word itself. */
const maxBytes = 750_000;

/** Found by no query, as no word looks so: an empty column means that its words were not made yet. */
const noWords = "'-'";

/**
 * The columns that a photo is found by, made from those they follow: `search`, the distinct folded words of prompt,
 * negative prompt, title, filename and tags as the text of a tsvector without positions; `tagKeys`; and
 * `promptHash`, SHA-256 (hex) of the prompt's UTF-8 as it is stored, null without a prompt. Whoever writes one
 * of the fields writes these as well.
 */
export function searchColumns({
  filename,
  title,
  tags,
  generation,
}: SearchedFields): SearchColumns {
  const texts = [title, filename, ...(tags ?? []), generation?.prompt, generation?.negativePrompt];
  return {
    search: vectorOf(texts.flatMap((text) => (text ? indexWords(text) : []))),
    tagKeys: [...new Set((tags ?? []).map(tagKey))],
    promptHash: generation?.prompt ? sha256(generation.prompt) : null,
  };
}

/** A tag as it is compared: tags that differ in case alone are one. */
export function tagKey(tag: string): string {
  return tag.normalize("NFC").toLowerCase();
}

/** The words as Postgres reads a tsvector; they hold letters and digits only, so that nothing is escaped. */
function vectorOf(words: string[]): string {
  let bytes = 0;
  const quoted: string[] = [];
  for (const word of new Set(words)) {
    bytes += Buffer.byteLength(word) + 4;
    if (bytes > maxBytes) break;
    quoted.push(`'${word}'`);
  }
  return quoted.length === 0 ? noWords : quoted.join(" ");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
