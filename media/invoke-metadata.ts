import { readPngText } from "./png-text";

type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export type JsonObject = { [key: string]: JsonValue };

const keyword = "invokeai_metadata";
const maxBytes = 1_048_576;
const maxDepth = 32;

/**
 * What InvokeAI recorded in a PNG about how it was made; undefined when there is nothing readable.
 * Untrusted: a person can write anything there. At most 1 MiB and 32 levels.
 */
export async function readInvokeMetadata(path: string): Promise<JsonObject | undefined> {
  const text = await readPngText(path, keyword, maxBytes);
  if (text === undefined) return undefined;
  const value = parseJson(text);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && isWithinDepth(value, maxDepth) ? value : undefined;
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON: a text of somebody else under the same name.
    return undefined;
  }
}

function isWithinDepth(value: JsonValue, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isWithinDepth(inner, depth - 1));
}
