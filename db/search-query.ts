import { queryWords } from "./words";

const prefixFrom = 3;

/**
 * What a person typed as a query on `photos.search`, in the text form of a tsquery: all words must match, the last
 * one also as the beginning of a word when it has three letters. Empty, and matched by nothing, without a word.
 */
export function searchQuery(text: string): string {
  const words = queryWords(text);
  const last = words.pop();
  if (last === undefined) return "";
  const isPrefix = Array.from(last).length >= prefixFrom;
  const exact = [...new Set(words)].map((word) => `'${word}'`);
  return [...exact, isPrefix ? `'${last}':*` : `'${last}'`].join(" & ");
}
