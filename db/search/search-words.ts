import { sha256Of } from "#sha256";
import type { NewPhoto } from "../schema/photos";
import { indexWords, type PositionedWord } from "./words";

/** The fields that the search covers. */
export type SearchedFields = Pick<NewPhoto, "filename" | "title" | "tags" | "generation">;
export type SearchColumns = { search: string; tagKeys: string[]; promptHash: string | null };

/** A tsvector holds 1 MB: each word takes its bytes and 8 more, each position 2. */
const maxBytes = 750_000;
/** Limits of Postgres: the highest position, and the positions per word. Words beyond are found, but not in phrases. */
const maxPosition = 16_383;
const maxPositions = 255;
/** Positions between two texts, so that no phrase spans both. */
const gap = 2;

/** No query matches it, as no word has this form. An empty column means that its words were not computed yet. */
const noWords = "'-'";

/**
 * Computes the search columns: `search`, the distinct folded words of prompt, negative prompt, title, filename and tags
 * with their positions, as the text of a tsvector; `tagKeys`; and `promptHash`, SHA-256 (hex) of the stored prompt's
 * UTF-8, null without a prompt. Code that writes one of the fields must write these columns too.
 */
export function searchColumns({
  filename,
  title,
  tags,
  generation,
}: SearchedFields): SearchColumns {
  const texts = [title, filename, ...(tags ?? []), generation?.prompt, generation?.negativePrompt];
  return {
    search: vectorOf(texts.map((text) => indexWords(text ?? ""))),
    tagKeys: [...new Set((tags ?? []).map(tagKey))],
    promptHash: generation?.prompt ? sha256Of(generation.prompt) : null,
  };
}

/** The form in which tags are compared: tags that differ only in case are equal. */
export function tagKey(tag: string): string {
  return tag.normalize("NFC").toLowerCase();
}

/** The words in the text form of a tsvector. No word holds a quote or a backslash, so that nothing needs escaping. */
function vectorOf(texts: PositionedWord[][]): string {
  const positionsOf = new Map<string, number[]>();
  let bytes = 0;
  let from = 1;
  for (const words of texts) {
    let end = from;
    for (const { word, at } of words) {
      const positions = positionsOf.get(word) ?? [];
      if (!positionsOf.has(word)) {
        bytes += Buffer.byteLength(word) + 8;
        if (bytes > maxBytes) return written(positionsOf);
        positionsOf.set(word, positions);
      }
      if (from + at <= maxPosition && positions.length < maxPositions) {
        positions.push(from + at);
        bytes += 2;
      }
      end = from + at + gap;
    }
    from = end;
  }
  return positionsOf.size === 0 ? noWords : written(positionsOf);
}

function written(positionsOf: ReadonlyMap<string, number[]>): string {
  const words = [...positionsOf].map(([word, positions]) =>
    positions.length === 0 ? `'${word}'` : `'${word}':${positions.join(",")}`,
  );
  return words.join(" ");
}
