import type { NodeField } from "./catalogue";
import type { CheckedWorkflow, KnownNode } from "./checked-workflow";
import type { SourceEdge } from "./read-workflow";
import type { InputKind, Role } from "./recipe";

type Graph = { workflow: CheckedWorkflow; edges: readonly SourceEdge[] };

const maxHops = 6;

/** Which kinds of inputs a role may have. */
export const roleKinds: Readonly<Record<Role, readonly InputKind[]>> = {
  prompt: ["string"],
  negative: ["string"],
  seed: ["integer"],
  width: ["integer"],
  height: ["integer"],
  model: ["model"],
  source: ["image"],
  mask: ["image"],
};

/** Those that a list may have: each of its values then is that of some images. */
export const listRoles: readonly Role[] = ["prompt", "negative", "source", "mask"];

/** What an input most likely means, by where its value goes and by its names; null: nothing that a step has a field for. */
export function guessRole(
  graph: Graph,
  node: KnownNode,
  field: string,
  about: NodeField,
): Role | null {
  const reached = fieldsReached(graph, node.id);
  const words = `${node.label} ${node.fieldLabels.get(field) ?? ""} ${field}`.toLowerCase();
  switch (about.kind) {
    case "string": {
      const isPrompt = field === "prompt" || reached.has("prompt") || /prompt/.test(words);
      if (!isPrompt && !reached.has("positive_conditioning")) return null;
      const isNegative =
        /negative/.test(words) || [...reached].some((name) => name.startsWith("negative"));
      return isNegative ? "negative" : "prompt";
    }
    case "integer":
      if (field === "seed" || goesInto(graph, node, "seed")) return "seed";
      if (node.type === "integer" && /\bseed\b/.test(words)) return "seed";
      if (field === "width" || goesInto(graph, node, "width")) return "width";
      if (field === "height" || goesInto(graph, node, "height")) return "height";
      return null;
    case "model":
      return about.modelTypes?.includes("main") === true && node.type.endsWith("model_loader")
        ? "model"
        : null;
    case "image":
      return /mask/.test(words) || reached.has("mask") ? "mask" : "source";
    default:
      return null;
  }
}

/** Whether a number node sets only fields of this name, without a calculation in between. */
function goesInto({ edges }: Graph, { id, type }: KnownNode, field: string): boolean {
  const targets = edges.filter(({ from }) => from[0] === id);
  return type === "integer" && targets.length > 0 && targets.every(({ to }) => to[1] === field);
}

/** The names of the fields that a node's outputs go into, through the nodes in between. */
function fieldsReached({ edges }: Graph, id: string): Set<string> {
  const reached = new Set<string>();
  let level = new Set([id]);
  for (let hops = 0; hops < maxHops && level.size > 0; hops += 1) {
    const next = edges.filter(({ from }) => level.has(from[0]));
    for (const { to } of next) reached.add(to[1]);
    // Behind a sampler everything comes together.
    level = new Set(
      next.flatMap(({ to }) => (/conditioning|latents|noise/.test(to[1]) ? [] : to[0])),
    );
  }
  return reached;
}
