import type { Json, NamedModel, RecipeTemplate } from "./recipe";
import { singleOf } from "./combinations";

/** InvokeAI's wire format of a graph. */
export type BoundGraph = {
  id: string;
  nodes: Record<string, { id: string; type: string; [field: string]: Json }>;
  edges: {
    source: { node_id: string; field: string };
    destination: { node_id: string; field: string };
  }[];
};

/** The values of one combination, by the id of the input; a list has one. Models are keys, images are ids of photos. */
type InputValues = Record<string, Json>;

export type Binding = {
  values: InputValues;
  /** The ids of the inputs that the seed sets, beside the template's own. */
  seeds: readonly string[];
  /** The model for a key. */
  model: (key: string) => NamedModel;
  /** InvokeAI's name of the picture of a photo. */
  imageName: (photoId: string) => string;
  /** The outputs to make; the others, and what only they need, are left out. */
  outputs: readonly string[];
  names: { seed: string; slot: string };
};

/**
 * The graph of a step. Values go in as literals; only the seed comes by an edge, from a node whose value differs from item
 * to item.
 */
export function bindRecipe(template: RecipeTemplate, binding: Binding): BoundGraph {
  const { values, names, outputs } = binding;
  const kept = ancestorsOf(template, outputs);
  const nodes: BoundGraph["nodes"] = {
    [names.seed]: { id: names.seed, type: "integer", value: 0, is_intermediate: true },
    [names.slot]: { id: names.slot, type: "integer", value: 0, is_intermediate: true },
  };
  for (const [id, { type, useCache, literals }] of Object.entries(template.nodes)) {
    if (!kept.has(id)) continue;
    const isOutput = outputs.includes(id);
    nodes[id] = {
      ...literals,
      id,
      type,
      is_intermediate: !isOutput,
      // With the cache the same inputs would return the name of an earlier picture.
      use_cache: !isOutput && useCache !== false,
    };
  }
  const edges: BoundGraph["edges"] = template.edges
    .filter(({ from, to }) => kept.has(from[0]) && kept.has(to[0]))
    .map(({ from, to }) => edge(from, to));
  const seed = [names.seed, "value"] as const;
  for (const target of template.seeds) {
    if (kept.has(target[0])) edges.push(edge(seed, target));
  }
  for (const input of template.inputs) {
    const [id = "", field = ""] = input.id.split(".");
    const node = nodes[id];
    if (!node || !kept.has(id)) continue;
    const value = input.list ? singleOf(values[input.id]) : values[input.id];
    if (binding.seeds.includes(input.id)) edges.push(edge(seed, [id, field]));
    else if (value === undefined || value === null) continue;
    else if (typeof value !== "string") node[field] = value;
    else if (input.kind === "model") node[field] = { ...binding.model(value) };
    else if (input.kind === "image") node[field] = { image_name: binding.imageName(value) };
    else node[field] = value;
  }
  return { id: "recipe", nodes, edges };
}

function edge(from: readonly [string, string], to: readonly [string, string]) {
  return {
    source: { node_id: from[0], field: from[1] },
    destination: { node_id: to[0], field: to[1] },
  };
}

function ancestorsOf({ edges }: RecipeTemplate, outputs: readonly string[]): Set<string> {
  const found = new Set<string>();
  const waiting = [...outputs];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    waiting.push(...edges.filter(({ to }) => to[0] === id).map(({ from }) => from[0]));
  }
  return found;
}
