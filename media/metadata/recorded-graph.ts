import { type JsonObject, maxTextLength, parseObject } from "./json-object";
import { readPngTexts } from "../pictures/png-text";

/**
 * The graph that InvokeAI wrote into a PNG, and the version in its metadata. Untrusted: anybody may have written it.
 */
export async function readRecordedGraph(
  path: string,
): Promise<{ graph: JsonObject | undefined; version: string | undefined }> {
  const texts = await readPngTexts(path, ["invokeai_graph", "invokeai_metadata"], maxTextLength);
  const graph = texts.invokeai_graph;
  const metadata = texts.invokeai_metadata;
  const version = metadata === undefined ? undefined : parseObject(metadata)?.["app_version"];
  return {
    graph: graph === undefined ? undefined : parseObject(graph),
    version: typeof version === "string" ? version : undefined,
  };
}
