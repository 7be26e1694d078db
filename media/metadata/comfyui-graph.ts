import { isObject, type JsonObject } from "./json-object";

/** A node of ComfyUI's `prompt`: its class, and its inputs, each a literal value or an edge from another node. */
export type ComfyNode = Readonly<{ id: string; kind: string; inputs: JsonObject }>;

/** How many nodes are visited for one question; real graphs need a dozen. */
const maxSteps = 500;

/** Reads the graph on demand. Nodes are untrusted: nothing about them is guaranteed. */
export type ComfyGraph = Readonly<{
  nodes: readonly ComfyNode[];
  /** The node that an input's value comes from. */
  source: (value: unknown) => ComfyNode | undefined;
  /** The nodes that a node's inputs come from. */
  sources: (node: ComfyNode) => readonly ComfyNode[];
  /**
   * Follows a value upstream to the first node for which `take` returns a result. `next` selects the input through
   * which each other node is passed. Cycles and endless graphs end as undefined.
   */
  follow: <T>(
    value: unknown,
    take: (node: ComfyNode) => T | undefined,
    next: (node: ComfyNode) => unknown,
  ) => T | undefined;
}>;

/** undefined unless the object is a graph: nodes by id, each with its `class_type`. */
export function readComfyGraph(prompt: JsonObject): ComfyGraph | undefined {
  const byId = new Map<string, ComfyNode>();
  for (const [id, node] of Object.entries(prompt)) {
    if (!isObject(node) || typeof node["class_type"] !== "string") continue;
    const inputs = node["inputs"];
    byId.set(id, { id, kind: node["class_type"], inputs: isObject(inputs) ? inputs : {} });
  }
  if (byId.size === 0) return undefined;

  const source: ComfyGraph["source"] = (value) =>
    isEdge(value) ? byId.get(String(value[0])) : undefined;
  const sources: ComfyGraph["sources"] = ({ inputs }) =>
    Object.values(inputs).flatMap((value) => source(value) ?? []);
  const follow: ComfyGraph["follow"] = (value, take, next) => {
    const passed = new Set<ComfyNode>();
    let at = value;
    while (passed.size < maxSteps) {
      const from = source(at);
      if (!from || passed.has(from)) return undefined;
      passed.add(from);
      const taken = take(from);
      if (taken !== undefined) return taken;
      at = next(from);
    }
    return undefined;
  };
  return { nodes: [...byId.values()], source, sources, follow };
}

/** Whether an input's value is an edge: a node's id and the number of its output. */
export function isEdge(value: unknown): value is [string | number, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    (typeof value[0] === "string" || typeof value[0] === "number") &&
    typeof value[1] === "number"
  );
}

/** The first of these inputs that the node has. */
export function inputOf({ inputs }: ComfyNode, names: readonly string[]): unknown {
  const name = names.find((candidate) => inputs[candidate] !== undefined);
  return name === undefined ? undefined : inputs[name];
}

/** The edge into a node that has only one, such as a reroute. */
export function soleEdge({ inputs }: ComfyNode): unknown {
  const edges = Object.values(inputs).filter(isEdge);
  return edges.length === 1 ? edges[0] : undefined;
}

/** All nodes reachable from `from` by `next`, including itself. */
export function reachable(
  from: readonly ComfyNode[],
  next: (node: ComfyNode) => readonly ComfyNode[],
): ReadonlySet<ComfyNode> {
  const reached = new Set(from);
  // Iterating over a set includes values that are added meanwhile.
  for (const node of reached) for (const other of next(node)) reached.add(other);
  return reached;
}
