import { sortNodes, type Graph, type GraphEdge, type GraphNode } from "./graph.ts";
import { fieldsOf, findNodeDefinition, nodeTypes } from "./nodes/index.ts";
import { newModes } from "./nodes/metadata.ts";
import type { FieldType, ValueFault } from "./nodes/fields.ts";
import { newNodeTypes } from "./nodes/transformers.ts";
import type { Traits } from "./versions.ts";
import {
  missingField,
  requireObject,
  ruleBroken,
  ValidationFailure,
  type Problem,
} from "./validation.ts";

type Location = (string | number)[];

/** Parses a graph like the real server: unknown fields dropped, defaults filled, edges checked. */
export function parseGraph(input: unknown, loc: Location, traits: Traits): Graph {
  const raw = requireObject(input, loc);
  const rawNodes = requireObject(raw.nodes ?? {}, [...loc, "nodes"]);
  const problems: Problem[] = [];
  const nodes: Record<string, GraphNode> = {};
  for (const [key, value] of Object.entries(rawNodes)) {
    const node = parseNode(value, [...loc, "nodes", key], problems, traits);
    if (node !== undefined) nodes[key] = node;
  }
  if (problems.length > 0) throw new ValidationFailure(problems);

  const graph: Graph = {
    id: typeof raw.id === "string" ? raw.id : crypto.randomUUID(),
    nodes,
    edges: parseEdges(raw.edges ?? [], [...loc, "edges"]),
  };
  const broken = findBrokenRule(graph, traits);
  if (broken !== undefined) throw new ValidationFailure([ruleBroken(loc, broken, input)]);
  return graph;
}

function parseNode(
  value: unknown,
  loc: Location,
  problems: Problem[],
  traits: Traits,
): GraphNode | undefined {
  const raw = requireObject(value, loc);
  const isKnown = (type: string) => traits.hasNewBases || !newNodeTypes.has(type);
  const definition = isKnown(String(raw.type)) ? findNodeDefinition(raw.type) : undefined;
  if (definition === undefined) {
    const expected = nodeTypes
      .filter(isKnown)
      .map((type) => `'${type}'`)
      .join(", ");
    problems.push({
      type: "union_tag_invalid",
      loc,
      msg: `Input tag '${String(raw.type)}' found using 'type' does not match any of the expected tags: ${expected}`,
      input: value,
      ctx: { discriminator: "'type'", tag: String(raw.type), expected_tags: expected },
    });
    return undefined;
  }
  const type = String(raw.type);
  const id = typeof raw.id === "string" ? raw.id : crypto.randomUUID();
  const node: GraphNode = definition.open === true ? { ...raw, id, type } : { id, type };
  for (const [name, field] of Object.entries(fieldsOf(definition))) {
    const given = raw[name];
    if (given === undefined) {
      if (field.default !== undefined) node[name] = field.default;
      continue;
    }
    const fault = field.check?.(given) ?? newModeFault(name, given, traits);
    if (fault !== undefined) {
      const { at, ...words } = fault;
      const where = [...loc, type, name, ...(at === undefined ? [] : [at])];
      problems.push({ ...words, loc: where, input: given });
    }
    node[name] = given;
  }
  return node;
}

/** A mode of a base that this version does not know is like any other unknown word. */
function newModeFault(name: string, value: unknown, traits: Traits): ValueFault | undefined {
  if (name !== "generation_mode" || traits.hasNewBases) return undefined;
  if (!newModes.includes(String(value))) return undefined;
  return { type: "literal_error", msg: "Input should be 'txt2img', 'img2img', …" };
}

function parseEdges(input: unknown, loc: Location): GraphEdge[] {
  if (!Array.isArray(input)) {
    throw new ValidationFailure([
      { type: "list_type", loc, msg: "Input should be a valid list", input },
    ]);
  }
  return input.map((value: unknown, index) => {
    const edge = requireObject(value, [...loc, index]);
    return {
      source: parseEnd(edge.source, [...loc, index, "source"]),
      destination: parseEnd(edge.destination, [...loc, index, "destination"]),
    };
  });
}

function parseEnd(input: unknown, loc: Location): { node_id: string; field: string } {
  const end = requireObject(input, loc);
  for (const name of ["node_id", "field"] as const) {
    if (typeof end[name] !== "string") {
      throw new ValidationFailure([missingField([...loc, name], input)]);
    }
  }
  return { node_id: end.node_id as string, field: end.field as string };
}

/** The message for the first rule that the whole graph violates. */
function findBrokenRule(graph: Graph, traits: Traits): string | undefined {
  for (const [key, node] of Object.entries(graph.nodes)) {
    if (key !== node.id) return `Node ids must match, got ${key} and ${node.id}`;
  }
  for (const edge of graph.edges) {
    const words = findEdgeFault(graph, edge, traits);
    if (words !== undefined) return words;
  }
  return sortNodes(graph) === undefined ? "Graph contains cycles" : undefined;
}

function findEdgeFault(
  graph: Graph,
  { source, destination }: GraphEdge,
  traits: Traits,
): string | undefined {
  const from = graph.nodes[source.node_id];
  const to = graph.nodes[destination.node_id];
  if (from === undefined) return `Edge source node ${source.node_id} does not exist in the graph`;
  if (to === undefined) {
    return `Edge destination node ${destination.node_id} does not exist in the graph`;
  }
  const output = findNodeDefinition(from.type)?.outputs[source.field];
  if (output === undefined) {
    return `Edge source field ${source.field} does not exist in node ${source.node_id}`;
  }
  const definition = findNodeDefinition(to.type);
  const input = definition === undefined ? undefined : fieldsOf(definition)[destination.field];
  if (input === undefined) {
    if (definition?.open === true) return undefined;
    return `Edge destination field ${destination.field} does not exist in node ${destination.node_id}`;
  }
  const isNewList =
    output === "collection" && to.type === "flux2_denoise" && input.type === "flux_conditioning";
  const isNoList =
    output === "collection" &&
    to.type === "tiled_multi_diffusion_denoise_latents" &&
    input.type === "conditioning";
  const isAllowed = !isNoList && (traits.hasNewBases || !isNewList);
  if (fits(output, input.type) && isAllowed) return undefined;
  return `Edge source and target types do not match (${source.node_id}.${source.field} -> ${destination.node_id}.${destination.field})`;
}

function fits(output: FieldType, input: FieldType): boolean {
  // The type of an iterated element is known only at run time.
  if (output === input || input === "any" || output === "any") return true;
  if (output === "integer" && input === "float") return true;
  // The element type of a collection is known only at run time.
  return output === "collection" && listInputs.has(input);
}

const listInputs: ReadonlySet<FieldType> = new Set([
  "lora",
  "conditioning",
  "flux_conditioning",
  "z_image_conditioning",
  "anima_conditioning",
  "krea2_conditioning",
  "control",
  "collection",
]);
