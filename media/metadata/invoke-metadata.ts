import { type JsonObject, maxTextLength, parseObject } from "./json-object";
import type { PngTexts } from "../pictures/png-text";

/**
 * The metadata that InvokeAI recorded in a PNG; undefined when there is none or it is unreadable. Untrusted: only size
 * and depth are checked.
 */
export async function readInvokeMetadata(png: PngTexts): Promise<JsonObject | undefined> {
  const { invokeai_metadata: text } = await png.read(["invokeai_metadata"], maxTextLength);
  return text === undefined ? undefined : parseObject(text);
}
