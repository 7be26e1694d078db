/** Marks that search ignores: accents, points, tones. Vowel signs, such as Devanagari's, are kept. */
const accents = /[[\p{M}&&[\p{Diacritic}\p{Script=Inherited}]]--\u20e3]/gv;

/** Letters without a Unicode decomposition, with their usual spelling on keyboards that lack them. */
const spellings: Record<string, string> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  þ: "th",
  ł: "l",
  ħ: "h",
  ı: "i",
  ς: "σ",
};
const spelled = new RegExp(`[${Object.keys(spellings).join("")}]`, "gu");

/** Words, keycaps (`1⃣`), flags of two letters and of tags, other pictographs. */
const runs =
  /(?:[\p{L}\p{N}[\p{M}--\u20e3]](?!\u20e3))+|[0-9#*]\u20e3|\p{RI}{2}|\u{1f3f4}[\u{e0020}-\u{e007e}]+\u{e007f}|\p{Extended_Pictographic}/gv;
/** Scripts without spaces between words, and Hangul, which appends particles to words. */
const unspaced =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Hang}]+/gv;

/** A lexeme of Postgres holds 2 046 bytes, a character takes at most 4. Longer words are cut. */
const maxWordLength = 100;

/**
 * Removes case and accents: decomposes (NFKD), drops accents, converts to lower case without a locale, and composes again
 * (NFC), so that a Korean syllable is one letter.
 */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replace(accents, "")
    .toLowerCase()
    .replace(spelled, (letter) => spellings[letter]!)
    .normalize("NFC");
}

/** A word and its position in its text; each letter of a script without spaces takes a position. */
export type PositionedWord = { word: string; at: number };

/**
 * The folded words of a text, in order, for the index: runs of letters and digits; pictographs one by one. For scripts
 * without spaces, each letter and each pair of neighbours, so that any part of a longer run is found.
 */
export function indexWords(text: string): PositionedWord[] {
  return splitWords(text, (letters) => [
    ...letters.map(positioned),
    ...pairsOf(letters).map(positioned),
  ]);
}

/** The same for a query: for scripts without spaces only pairs, as they are more selective than letters. */
export function queryWords(text: string): PositionedWord[] {
  return splitWords(text, (letters) =>
    (letters.length === 1 ? letters : pairsOf(letters)).map(positioned),
  );
}

function splitWords(
  text: string,
  splitUnspaced: (letters: string[]) => PositionedWord[],
): PositionedWord[] {
  const words: PositionedWord[] = [];
  let at = 0;
  for (const [run] of fold(text).matchAll(runs)) {
    let from = 0;
    for (const { 0: part, index } of run.matchAll(unspaced)) {
      if (index > from) words.push({ word: cut(run.slice(from, index)), at: at++ });
      const letters = Array.from(part);
      for (const { word, at: inPart } of splitUnspaced(letters)) {
        words.push({ word, at: at + inPart });
      }
      at += letters.length;
      from = index + part.length;
    }
    if (from < run.length) words.push({ word: cut(run.slice(from)), at: at++ });
  }
  return words;
}

const positioned = (word: string, at: number): PositionedWord => ({ word, at });

function pairsOf(letters: string[]): string[] {
  return letters.slice(1).map((letter, at) => letters[at]! + letter);
}

function cut(word: string): string {
  return word.length <= maxWordLength ? word : Array.from(word).slice(0, maxWordLength).join("");
}
