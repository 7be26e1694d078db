import { type GraphBuilder, identify } from "./graph";
import { addLoras } from "./loras";
import type { GraphRequest } from "./request";
import { addUnetGeneration } from "./unet";

/** SD-1 and SD-2: one text encoder, whose layers may be skipped before LoRAs are applied. */
export function addOneEncoderModel(graph: GraphBuilder, request: GraphRequest): void {
  const clipSkip = request.clipSkip ?? 0;
  graph.node("model", "main_model_loader", { model: identify(request.model) });
  graph.node("skip", "clip_skip", { skipped_layers: clipSkip });
  graph.connect("model.clip", "skip.clip");
  const { unet, clip } = addLoras(graph, request.loras, {
    loader: "lora_collection_loader",
    parts: { unet: "model.unet", clip: "skip.clip" },
  });
  addUnetGeneration(graph, request, {
    unet,
    encoder: { type: "compel", inputs: { clip }, texts: ["prompt"] },
    metadata: { modePrefix: "", clipSkip },
  });
}
