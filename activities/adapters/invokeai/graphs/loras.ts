import { type GraphBuilder, identify } from "./graph";
import type { WeighedLora } from "./request";

/**
 * Puts LoRAs behind the parts of a model, each named by where it comes out (`unet: "model.unet"`);
 * answers where each comes out now.
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
  const behind = { ...chain.parts };
  for (const part of Object.keys(chain.parts) as Part[]) {
    graph.connect(chain.parts[part], `ll.${part}`);
    behind[part] = `ll.${part}`;
  }
  return behind;
}
