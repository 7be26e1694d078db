import { isObject, type JsonObject } from "./json-object";

/** A node of ComfyUI's `prompt`: its kind, and its inputs, each a value or where it comes from. */
export type ComfyNode = Readonly<{ kind: string; inputs: JsonObject }>;

/** How many nodes are looked at for one question; real graphs ask for a dozen. */
const maxSteps = 500;

/** Reads the graph on demand: of a node from anywhere nothing is sure. */
export type ComfyGraph = Readonly<{
  nodes: readonly ComfyNode[];
  /** The node that an input's value comes from, and by which of its outputs. */
  source: (value: unknown) => { node: ComfyNode; output: number } | undefined;
  /**
   * Goes from a value against the stream to the first node of which `take` makes something, whereby `next`
   * tells through which input each other node is passed. Cycles and endless graphs end as undefined.
   */
  follow: <T>(
    value: unknown,
    take: (node: ComfyNode) => T | undefined,
    next: (node: ComfyNode, output: number) => unknown,
  ) => T | undefined;
}>;

/** undefined unless the object is a graph: nodes by id, each with its `class_type`. */
export function readComfyGraph(prompt: JsonObject): ComfyGraph | undefined {
  const byId = new Map<string, ComfyNode>();
  for (const [id, node] of Object.entries(prompt)) {
    if (!isObject(node) || typeof node["class_type"] !== "string") continue;
    const inputs = node["inputs"];
    byId.set(id, { kind: node["class_type"], inputs: isObject(inputs) ? inputs : {} });
  }
  if (byId.size === 0) return undefined;

  const source: ComfyGraph["source"] = (value) => {
    if (!Array.isArray(value) || value.length !== 2) return undefined;
    const node = byId.get(String(value[0]));
    return node && { node, output: Number(value[1]) };
  };
  const follow: ComfyGraph["follow"] = (value, take, next) => {
    let at = value;
    for (let step = 0; step < maxSteps; step += 1) {
      const from = source(at);
      if (!from) return undefined;
      const taken = take(from.node);
      if (taken !== undefined) return taken;
      at = next(from.node, from.output);
    }
    return undefined;
  };
  return { nodes: [...byId.values()], source, follow };
}
