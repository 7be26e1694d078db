import { type JsonObject, maxTextLength, parseObject } from "./metadata/json-object";
import { readPngTexts } from "./png-text";

/**
 * What InvokeAI recorded in a PNG about how it was made; undefined when there is nothing readable.
 * Untrusted: checked for size and depth alone.
 */
export async function readInvokeMetadata(path: string): Promise<JsonObject | undefined> {
  const { invokeai_metadata: text } = await readPngTexts(
    path,
    ["invokeai_metadata"],
    maxTextLength,
  );
  return text === undefined ? undefined : parseObject(text);
}
