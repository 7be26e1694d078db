import { t } from "elysia";
import { tagKey } from "#db/search/search-words";
import { type AppError, invalid } from "#errors";

/** A title as it is stored: trimmed, NFC; null when nothing is left. */
export function tidyTitle(text: string | null): string | null {
  const tidy = text?.normalize("NFC").trim() ?? "";
  return tidy === "" ? null : tidy;
}

/**
 * Tags as they are stored: trimmed, NFC, none empty; of tags that differ only in case the first one is kept.
 * @throws AppError validation_error when one is too long, or when there are too many
 */
export function tidyTags(tags: readonly string[]): string[] {
  const kept = new Map<string, string>();
  for (const [index, given] of tags.entries()) {
    const tag = given.normalize("NFC").trim();
    if (Array.from(tag).length > maxTagLength) {
      throw badTags(`tags.${index}`, `at most ${maxTagLength} characters`);
    }
    if (tag !== "" && !kept.has(tagKey(tag))) kept.set(tagKey(tag), tag);
  }
  if (kept.size > maxTags) throw badTags("tags", `at most ${maxTags}`);
  return [...kept.values()];
}

export const maxTags = 50;
const maxTagLength = 64;

function badTags(path: string, message: string): AppError {
  return invalid(`At most ${maxTags} tags of at most ${maxTagLength} characters.`, [
    { path, message },
  ]);
}

export const titleSchema = t.String({ maxLength: 200 });
/** Wider than the real limits, which `tidyTags` applies to trimmed tags, without duplicates, counted in characters. */
export const tagsSchema = t.Array(t.String({ minLength: 1, maxLength: 256 }), {
  maxItems: 100,
  description: "At most 50 tags of at most 64 characters; case-insensitive",
});
