import { invalid } from "#errors";

export type JsonBounds = Readonly<{
  /** Values and property names together: the cost of parsing and checking is proportional to it. */
  maxValues: number;
  maxDepth: number;
}>;

/**
 * Parses untrusted JSON and refuses texts that Postgres cannot store. Values and depth are counted in the source text,
 * before parsing: a megabyte of `[[],[],…]` is refused in a few milliseconds.
 * @throws AppError validation_error
 */
export function parseJson(text: string, bounds: JsonBounds): unknown {
  checkShape(text, bounds);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("The body is not JSON.", [{ path: "", message: "not JSON" }]);
  }
  checkTexts(value, []);
  return value;
}

const quote = '"'.charCodeAt(0);
const backslash = "\\".charCodeAt(0);
const comma = ",".charCodeAt(0);
const opening = new Set(["[", "{"].map((mark) => mark.charCodeAt(0)));
const closing = new Set(["]", "}"].map((mark) => mark.charCodeAt(0)));

/** One pass over the punctuation between values; strings are skipped. */
function checkShape(text: string, { maxValues, maxDepth }: JsonBounds): void {
  let values = 1;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at += 1;
      for (; at < text.length && text.charCodeAt(at) !== quote; at += 1) {
        if (text.charCodeAt(at) === backslash) at += 1;
      }
    } else if (code === comma) {
      values += 1;
    } else if (opening.has(code)) {
      values += 1;
      depth += 1;
      if (depth > maxDepth) {
        throw invalid(`The body is nested deeper than ${maxDepth} levels.`, [
          { path: "", message: "nested too deeply" },
        ]);
      }
    } else if (closing.has(code)) {
      depth -= 1;
    }
    if (values > maxValues) {
      throw invalid(`The body holds more than ${maxValues} values; send less at once.`, [
        { path: "", message: "too many values" },
      ]);
    }
  }
}

/** Postgres can store neither NUL nor a lone surrogate. `path` is the path of `value`; it is unchanged on return. */
function checkTexts(value: unknown, path: (string | number)[]): void {
  if (typeof value === "string") return checkText(value, path);
  if (typeof value !== "object" || value === null) return;
  const isList = Array.isArray(value);
  const keys = isList ? value.keys() : Object.keys(value);
  for (const key of keys) {
    if (typeof key === "string") checkText(key, path);
    path.push(key);
    checkTexts((value as Record<string | number, unknown>)[key], path);
    path.pop();
  }
}

function checkText(text: string, path: readonly (string | number)[]): void {
  if (!text.includes("\0") && text.isWellFormed()) return;
  throw invalid("A text of the body cannot be stored.", [
    { path: path.join("."), message: "holds a NUL or half a character" },
  ]);
}
