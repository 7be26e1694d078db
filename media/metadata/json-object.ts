type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export type JsonObject = { [key: string]: JsonValue };

/** The longest text from a file that is parsed. */
export const maxTextLength = 1_048_576;
const maxDepth = 32;

/**
 * Parses a text from a file as a JSON object; undefined when it is not one. Untrusted: anybody can write anything
 * there. At most 1 MiB and 32 levels.
 */
export function parseObject(text: string): JsonObject | undefined {
  if (text.length > maxTextLength || !text.trimStart().startsWith("{")) return undefined;
  const value = parseJson(text) ?? parseJson(text.replace(pythonNumbers, "null"));
  return isObject(value) && isWithinDepth(value, maxDepth) ? value : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Python writes NaN and Infinity unquoted, which JSON forbids; ComfyUI's graphs often contain them.
const pythonNumbers = /(?<=[[,:] ?)(?:NaN|-?Infinity)(?=[,\]}])/g;

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON: another program's text under the same name.
    return undefined;
  }
}

function isWithinDepth(value: JsonValue, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isWithinDepth(inner, depth - 1));
}
