import { type GraphBuilder, identify } from "./graph";
import type { WeighedLora } from "./request";

/**
 * Applies LoRAs to the parts of a model. `parts` maps each part to its output (`unet: "model.unet"`); returns the outputs
 * with the LoRAs applied.
 */
export function addLoras<Part extends string>(
  graph: GraphBuilder,
  loras: readonly WeighedLora[],
  chain: { loader: string; parts: Record<Part, string> },
): Record<Part, string> {
  if (loras.length === 0) return chain.parts;
  graph.node("lc", "collect");
  for (const [index, { model, weight }] of loras.entries()) {
    const selector = `lora${index}`;
    graph.node(selector, "lora_selector", { lora: identify(model), weight });
    graph.connect(`${selector}.lora`, "lc.item");
  }
  graph.node("ll", chain.loader);
  graph.connect("lc.collection", "ll.loras");
  const outputs = { ...chain.parts };
  for (const part of Object.keys(chain.parts) as Part[]) {
    graph.connect(chain.parts[part], `ll.${part}`);
    outputs[part] = `ll.${part}`;
  }
  return outputs;
}
