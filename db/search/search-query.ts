import { type PositionedWord, queryWords } from "./words";

const prefixFrom = 3;

/** A phrase in quotes, or a text without spaces; either may have a minus before it. */
const pieces =
  /(?<=^|\s)(?<not>-(?!-))?(?:["“”„](?<phrase>[^"“”„]*)["“”„]|(?<word>[^\s"“”„]+))|["“”„](?<inner>[^"“”„]*)["“”„]|[^\s"“”„]+/gu;

/**
 * Converts the user's input to a tsquery on `photos.search`, as text. All words must match; the last one, from three letters
 * on, also as a prefix. Words in quotes are a phrase; a word or phrase after a minus must not match. Without a word the
 * query is empty and matches nothing.
 */
export function searchQuery(text: string): string {
  const terms: string[] = [];
  let last: PositionedWord | undefined;
  for (const { 0: piece, groups = {} } of text.matchAll(pieces)) {
    const phrase = groups["phrase"] ?? groups["inner"];
    const words = queryWords(phrase ?? groups["word"] ?? piece);
    last = undefined;
    if (words.length === 0) continue;
    if (groups["not"] !== undefined) terms.push(`!${phraseOf(words)}`);
    else if (phrase !== undefined) terms.push(phraseOf(words));
    else {
      terms.push(...words.map(({ word }) => quoted(word)));
      last = words.at(-1);
    }
  }
  if (last !== undefined && Array.from(last.word).length >= prefixFrom) {
    terms.push(`${terms.pop()}:*`);
  }
  return [...new Set(terms)].join(" & ");
}

/** Matches these words at the same distances. */
function phraseOf(words: PositionedWord[]): string {
  const [first, ...rest] = words;
  const steps = rest.map(({ word, at }, n) => `<${at - words[n]!.at}> ${quoted(word)}`);
  return rest.length === 0 ? quoted(first!.word) : `(${[quoted(first!.word), ...steps].join(" ")})`;
}

const quoted = (word: string) => `'${word}'`;
