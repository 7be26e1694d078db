import { type ComfyGraph, type ComfyNode, isEdge, soleEdge } from "./comfyui-graph";

/** Input names of nodes that only hold a value. */
const holders = ["value", "int", "float", "number", "string", "text"];

/** The value itself, or the value of the node that it comes from: its input named `wanted`, or its only value. */
export function valueOf(graph: ComfyGraph, value: unknown, wanted: string): unknown {
  if (!isEdge(value)) return value;
  const names = [wanted, ...(wanted === "noise_seed" ? ["seed"] : []), ...holders];
  const held = ({ inputs }: ComfyNode) => names.map((name) => inputs[name]);
  return graph.follow(
    value,
    (node) => held(node).find((inner) => typeof inner === "string" || typeof inner === "number"),
    (node) => held(node).find(isEdge) ?? soleEdge(node),
  );
}
