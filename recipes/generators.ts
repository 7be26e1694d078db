import { mersenneTwister } from "./mersenne-twister";
import type { DrawnList, Json } from "./recipe";

/** The values of a generator node: a list, or random ones that are drawn with the seed of a step. */
type Generated = { values: Json[] } | { drawn: DrawnList };

/** How many values a list of a workflow may have; a step makes fewer pictures. */
export const maxListLength = 1_000;

type Fields = { readonly [name: string]: Json };

/**
 * What a generator node gives, computed as InvokeAI's editor does it. undefined: it needs what only its own server knows.
 * `fault`: what is wrong with it, in words that follow "has".
 */
export function readGenerator(value: Json): Generated | { fault: string } | undefined {
  const fields: Fields =
    typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  const kind = typeof fields["type"] === "string" ? fields["type"] : "";
  const [, what, method] = /^(float|integer|string)_generator_(\w+)$/.exec(kind) ?? [];
  if (what === undefined || method === undefined) {
    if (kind === "image_generator_images_from_board") return undefined;
    return { fault: "a generator that this gallery does not know" };
  }
  const given = fields["values"];
  if (what === "float" && Array.isArray(given))
    return { values: given.slice(0, maxListLength + 1) };
  switch (method) {
    case "arithmetic_sequence":
    case "linear_distribution":
    case "random_distribution_uniform":
      return what === "string"
        ? { fault: "a generator of numbers" }
        : numbers(fields, what, method);
    case "parse_string":
      return split(fields, what);
    default:
      return what === "string" && method.startsWith("dynamic_prompts_")
        ? undefined
        : { fault: "a generator that this gallery does not know" };
  }
}

function numbers(fields: Fields, what: string, method: string): Generated | { fault: string } {
  const isWhole = what === "integer";
  const read = (name: string, standard: number) => fields[name] ?? standard;
  const start = read("start", 0);
  const count = read("count", 10);
  const [end, step] = [read("end", isWhole ? 10 : 1), read("step", isWhole ? 1 : 0.1)];
  const [min, max] = [read("min", 0), read("max", isWhole ? 10 : 1)];
  const all = [start, end, step, min, max];
  if (!all.every((one) => (isWhole ? Number.isSafeInteger(one) : Number.isFinite(one)))) {
    return { fault: isWhole ? "something else than whole numbers" : "something else than numbers" };
  }
  if (!Number.isSafeInteger(count) || Number(count) < 1 || Number(count) > maxListLength) {
    return { fault: `a count that is not from 1 to ${maxListLength}` };
  }
  const list = (make: (at: number) => number) => ({
    values: Array.from({ length: Number(count) }, (_, at) => make(at)),
  });
  const from = Number(start);
  if (method === "arithmetic_sequence") {
    return step === 0 ? { values: [from] } : list((at) => from + at * Number(step));
  }
  if (method === "linear_distribution") {
    if (count === 1) return { values: [from] };
    const part = (at: number) => (Number(end) - from) * (at / (Number(count) - 1));
    return list((at) => from + (isWhole ? Math.round(part(at)) : part(at)));
  }
  const drawn = { isWhole, min: Number(min), max: Number(max), count: Number(count) };
  const seed = fields["seed"] ?? null;
  if (seed === null) return { drawn };
  if (!Number.isSafeInteger(seed)) return { fault: "a seed that is no whole number" };
  return { values: drawValues(drawn, Number(seed)) };
}

/** Random values; the same seed gives the same, and the ones that InvokeAI's editor draws with it. */
export function drawValues({ isWhole, min, max, count }: DrawnList, seed: number): number[] {
  const random = mersenneTwister(seed >>> 0);
  return Array.from({ length: count }, () =>
    isWhole ? Math.floor(random() * (max - min + 1)) + min : random() * (max - min) + min,
  );
}

const standardTexts: Readonly<Record<string, string>> = {
  float: "0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1",
  integer: "1,2,3,4,5,6,7,8,9,10",
  string: "foo,bar,baz,qux",
};

function split(fields: Fields, what: string): Generated | { fault: string } {
  const text = fields["input"] ?? standardTexts[what];
  const separator = fields["splitOn"] ?? ",";
  if (typeof text !== "string" || typeof separator !== "string") {
    return { fault: "something else than a text to split" };
  }
  // One more than allowed shows that there are too many.
  const parts = separator === "" ? [text] : text.split(unescaped(separator), maxTextParts);
  const texts = what === "string" ? parts : parts.map((part) => part.trim());
  const kept = texts.filter((part) => part !== "");
  if (what === "string") return { values: kept.slice(0, maxListLength + 1) };
  const values = kept
    .map((part) => (what === "integer" ? Number.parseInt(part, 10) : Number.parseFloat(part)))
    .filter((number) => !Number.isNaN(number));
  return { values: values.slice(0, maxListLength + 1) };
}

const maxTextParts = 100_000;

/** A separator may be written as in JSON, such as `\n`. */
function unescaped(separator: string): string {
  try {
    return String(JSON.parse(`"${separator}"`));
  } catch {
    return separator;
  }
}
