/**
 * Whether a value from a file can be stored as JSON: Postgres takes no NUL and no half of a surrogate pair, which
 * `JSON.stringify` writes as escapes.
 */
export function isStorableJson(value: unknown): boolean {
  // An escaped backslash before it makes it plain text.
  return !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i.test(JSON.stringify(value));
}

/** The beginning of a text, of at most this length; never ends in half a surrogate pair. */
export function beginningOf(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replace(/[\uD800-\uDBFF]$/, "");
}
