import { createGraph, type Graph, identify } from "./graph";
import { addLoras } from "./loras";
import type { GraphRequest } from "./request";
import { addUnetGeneration } from "./unet";

/**
 * Text to image and image to image for SDXL, node by node as InvokeAI's own UI builds it: both encoders get the same prompt,
 * and SDXL's size and crop conditioning stay at their defaults (1024, no crop), whatever the image's size.
 */
export function buildSdxlGraph(request: GraphRequest): Graph {
  const graph = createGraph(request.source ? "sdxl-image-to-image" : "sdxl-text-to-image");
  graph.node("model", "sdxl_model_loader", { model: identify(request.model) });
  const { unet, clip, clip2 } = addLoras(graph, request.loras, {
    loader: "sdxl_lora_collection_loader",
    parts: { unet: "model.unet", clip: "model.clip", clip2: "model.clip2" },
  });
  addUnetGeneration(graph, request, {
    unet,
    encoder: { type: "sdxl_compel_prompt", inputs: { clip, clip2 }, texts: ["prompt", "style"] },
    metadata: { modePrefix: "sdxl_", clipSkip: null },
  });
  return graph.build();
}
