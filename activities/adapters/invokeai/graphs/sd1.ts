import { createGraph, type Graph } from "./graph";
import { addOneEncoderModel } from "./one-encoder";
import type { GraphRequest } from "./request";

/** Text to image and image to image for SD-1, node by node as InvokeAI's own UI builds it. */
export function buildSd1Graph(request: GraphRequest): Graph {
  const graph = createGraph(request.source ? "sd1-image-to-image" : "sd1-text-to-image");
  addOneEncoderModel(graph, request);
  return graph.build();
}
