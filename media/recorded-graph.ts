import { type JsonObject, maxTextLength, parseObject } from "./metadata/json-object";
import { readPngTexts } from "./png-text";

/** The graph that InvokeAI wrote into a PNG, and its version as the metadata has it. Untrusted: anybody may have written it. */
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
