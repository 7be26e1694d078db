import { type JsonObject, maxTextLength, parseObject } from "./json-object";
import { findPngTexts } from "../pictures/png-text";

/**
 * The workflow that InvokeAI's editor wrote into a PNG, else the graph; undefined without either. Untrusted: anybody may
 * have written it.
 */
export async function readRecordedWorkflow(path: string): Promise<JsonObject | undefined> {
  const png = await findPngTexts(path);
  const texts = await png.read(["invokeai_workflow", "invokeai_graph"], maxTextLength);
  const { invokeai_workflow: workflow, invokeai_graph: graph } = texts;
  const edited = workflow === undefined ? undefined : parseObject(workflow);
  return edited ?? (graph === undefined ? undefined : parseObject(graph));
}

/**
 * The graph that InvokeAI wrote into a PNG, and the version in its metadata. Untrusted: anybody may have written it.
 */
export async function readRecordedGraph(
  path: string,
): Promise<{ graph: JsonObject | undefined; version: string | undefined }> {
  const png = await findPngTexts(path);
  const texts = await png.read(["invokeai_graph", "invokeai_metadata"], maxTextLength);
  const graph = texts.invokeai_graph;
  const metadata = texts.invokeai_metadata;
  const version = metadata === undefined ? undefined : parseObject(metadata)?.["app_version"];
  return {
    graph: graph === undefined ? undefined : parseObject(graph),
    version: typeof version === "string" ? version : undefined,
  };
}
