import { parseTemplate, type Template } from "./template";

/** The entries of the lists that templates may refer to, by name. */
export type Entries = ReadonlyMap<string, readonly string[]>;

const maxLength = 10_000;
/** Nested lists multiply: without a limit a short prompt could choose millions of times. */
const maxChoices = 10_000;

/**
 * A template with everything chosen. The same template, lists and seed give the same text: choices are made from left to
 * right, the outer one first, each as `floor(r * n)` of n options, with `r` from mulberry32 started with the seed.
 * `fault`: why there is no text, for the user.
 * @param lists hold every list that the template and its lists refer to
 */
export function expandTemplate(
  template: Template,
  lists: Entries,
  seed: number,
): { text: string } | { fault: string } {
  const random = mulberry32(seed);
  const parsed = new Map<string, Template>();
  let choices = 0;
  let length = 0;

  function choose<T>(options: readonly T[]): T {
    choices += 1;
    if (choices > maxChoices) throw new TooLong(`makes more than ${maxChoices} choices`);
    return options[Math.floor(random() * options.length)]!;
  }

  function entryOf(name: string): Template {
    const text = choose(lists.get(name) ?? [""]);
    let entry = parsed.get(text);
    if (entry === undefined) {
      const result = parseTemplate(text);
      // Checked when the list was written.
      entry = "template" in result ? result.template : [text];
      parsed.set(text, entry);
    }
    return entry;
  }

  function expand(parts: Template): string {
    let text = "";
    for (const part of parts) {
      if (typeof part !== "string") {
        text += expand("list" in part ? entryOf(part.list) : choose(part.options));
        continue;
      }
      text += part;
      length += part.length;
      if (length > 2 * maxLength) throw new TooLong(tooLong);
    }
    return text;
  }

  try {
    const text = expand(template);
    return Array.from(text).length > maxLength ? { fault: tooLong } : { text };
  } catch (error) {
    if (error instanceof TooLong) return { fault: error.message };
    throw error;
  }
}

class TooLong extends Error {}

const tooLong = `is longer than ${maxLength} characters`;

/** Numbers from 0 up to 1, by Tommy Ettinger's generator of that name. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
