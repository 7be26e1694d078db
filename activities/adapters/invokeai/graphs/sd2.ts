import { createGraph, type Graph } from "./graph";
import { addOneEncoderModel } from "./one-encoder";
import type { GraphRequest } from "./request";

/** Text to image and image to image for SD-2: the nodes of SD-1, with SD-2 models. */
export function buildSd2Graph(request: GraphRequest): Graph {
  const graph = createGraph(request.source ? "sd2-image-to-image" : "sd2-text-to-image");
  addOneEncoderModel(graph, request);
  return graph.build();
}
