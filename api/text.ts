import { t } from "elysia";

/** A title as it is stored: trimmed, NFC; null when nothing is left. */
export function tidyTitle(text: string | null): string | null {
  const tidy = text?.normalize("NFC").trim() ?? "";
  return tidy === "" ? null : tidy;
}

/** Tags as they are stored: trimmed, NFC, each once, none empty. */
export function tidyTags(tags: readonly string[]): string[] {
  return [...new Set(tags.map((tag) => tag.normalize("NFC").trim()))].filter((tag) => tag !== "");
}

export const titleSchema = t.String({ maxLength: 200 });
export const tagsSchema = t.Array(t.String({ minLength: 1, maxLength: 100 }), { maxItems: 100 });
