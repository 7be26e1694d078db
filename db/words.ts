/** Marks that change no letter's identity: accents, points, tones. Vowel signs, as of Devanagari, stay. */
const accents = /[\p{M}&&[\p{Diacritic}\p{Script=Inherited}]]/gv;

/** What Unicode has no decomposition for, but a keyboard without these letters has a spelling. */
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

const runs = /[\p{L}\p{M}\p{N}]+|\p{Extended_Pictographic}/gv;
/** Scripts that put no space between words. */
const unspaced =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmr}\p{scx=Mymr}]+/gv;

/** A lexeme of Postgres holds 2 046 bytes; a character has 4 at most. Longer words are compared by their beginning. */
const maxWordLength = 100;

/**
 * A text with case and accents gone: compatibility forms taken apart (NFKD), accents dropped, lower case
 * without a locale, and together again (NFC), so that a Korean syllable is one letter.
 */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replace(accents, "")
    .toLowerCase()
    .replace(spelled, (letter) => spellings[letter]!)
    .normalize("NFC");
}

/**
 * The folded words of a text, in their order, as an index of words holds them: runs of letters and digits;
 * pictographs one by one. Where a script has no spaces, each letter and each pair of neighbours, so that
 * whatever is looked for is found inside a longer run.
 */
export function indexWords(text: string): string[] {
  return splitWords(text, (letters) => [...letters, ...pairsOf(letters)]);
}

/** The same of what somebody looks for: of a script without spaces pairs alone, as they say more than letters. */
export function queryWords(text: string): string[] {
  return splitWords(text, (letters) => (letters.length === 1 ? letters : pairsOf(letters)));
}

function splitWords(text: string, splitUnspaced: (letters: string[]) => string[]): string[] {
  return (fold(text).match(runs) ?? []).flatMap((run) => {
    const words: string[] = [];
    let from = 0;
    for (const { 0: part, index } of run.matchAll(unspaced)) {
      if (index > from) words.push(cut(run.slice(from, index)));
      words.push(...splitUnspaced(Array.from(part)));
      from = index + part.length;
    }
    if (from < run.length) words.push(cut(run.slice(from)));
    return words;
  });
}

function pairsOf(letters: string[]): string[] {
  return letters.slice(1).map((letter, at) => letters[at]! + letter);
}

function cut(word: string): string {
  return word.length <= maxWordLength ? word : Array.from(word).slice(0, maxWordLength).join("");
}
