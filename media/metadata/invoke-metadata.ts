import { type JsonObject, maxTextLength, parseObject } from "./json-object";
import { readPngTexts } from "../pictures/png-text";

/**
 * The metadata that InvokeAI recorded in a PNG; undefined when there is none or it is unreadable. Untrusted: only size
 * and depth are checked.
 */
export async function readInvokeMetadata(path: string): Promise<JsonObject | undefined> {
  const { invokeai_metadata: text } = await readPngTexts(
    path,
    ["invokeai_metadata"],
    maxTextLength,
  );
  return text === undefined ? undefined : parseObject(text);
}
