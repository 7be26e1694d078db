import { AppError, type FieldFault } from "#errors";
import type { Json, ListInput } from "./recipe";

export type SourceNode = {
  id: string;
  type: string;
  /** The name that its author gave it; "": none. */
  label: string;
  /** The version of the type that the workflow was made with; undefined: not recorded. */
  version: string | undefined;
  pack: string | undefined;
  isIntermediate: boolean;
  useCache: boolean;
  literals: ReadonlyMap<string, Json>;
  /** Names that the author gave to inputs. */
  fieldLabels: ReadonlyMap<string, string>;
  /** The node stands for a batch node: its value is one of a list. `values`: those of the workflow, if it has any. */
  batch?: ListInput & { values?: Json[] };
};
export type SourceEdge = { from: [node: string, field: string]; to: [node: string, field: string] };

/** A field that a workflow shows to its user, with narrower bounds if the author set them. */
export type ShownField = { node: string; field: string; min?: number; max?: number };

/** A workflow of InvokeAI's editor, or a graph as its API takes it, in one form. */
export type SourceWorkflow = {
  name: string;
  description: string;
  nodes: SourceNode[];
  edges: SourceEdge[];
  /** null: the workflow shows none, or is a graph. */
  shown: ShownField[] | null;
};

const maxNodes = 500;
const maxEdges = 2_000;
const maxIdLength = 200;
const maxFormElements = 2_000;

type Fields = { [key: string]: Json };

/**
 * Reads a workflow or a graph. Untrusted: it may come from any file.
 * @throws AppError invokeai_graph_error for anything else
 */
export function readWorkflow(value: unknown): SourceWorkflow {
  const root = fieldsOf(value);
  if (!root) throw notWorkflow("The workflow has to be a JSON object.");
  const source = Array.isArray(root["nodes"]) ? readEditor(root) : readGraph(root);
  if (source.nodes.length === 0) {
    throw notWorkflow(
      "The workflow has no nodes; send one that InvokeAI's editor has saved, or a graph.",
    );
  }
  const ids = new Set<string>();
  for (const { id } of source.nodes) {
    if (ids.has(id)) {
      throw notWorkflow(`Two nodes of the workflow have the id "${shorten(id)}"; rename one.`);
    }
    ids.add(id);
  }
  const edges = source.edges.filter(({ from, to }) => ids.has(from[0]) && ids.has(to[0]));
  return { ...source, edges };
}

function readEditor(root: Fields): SourceWorkflow {
  const listed = listOf(root["nodes"], maxNodes, "nodes").map(fieldsOf);
  const connectors = new Set<string>();
  const nodes: SourceNode[] = [];
  for (const node of listed) {
    const data = fieldsOf(node?.["data"]);
    const id = textOf(node?.["id"]);
    if (!node || id === undefined) throw notWorkflow("Each node of a workflow needs an id.");
    const kind = node["type"];
    if (kind === "connector") connectors.add(id);
    // Notes and the like draw nothing.
    if (kind !== "invocation") continue;
    const type = textOf(data?.["type"]);
    if (!data || type === undefined) throw notWorkflow("Each node of a workflow needs a type.");
    const inputs = fieldsOf(data["inputs"]) ?? {};
    const literals = new Map<string, Json>();
    const fieldLabels = new Map<string, string>();
    for (const [name, input] of Object.entries(inputs)) {
      const field = fieldsOf(input);
      if (field && Object.hasOwn(field, "value")) literals.set(name, field["value"]!);
      const label = textOf(field?.["label"]);
      if (label) fieldLabels.set(name, label);
    }
    nodes.push({
      id,
      type,
      label: textOf(data["label"]) ?? "",
      version: textOf(data["version"]),
      pack: textOf(data["nodePack"]),
      isIntermediate: data["isIntermediate"] === true,
      useCache: data["useCache"] !== false,
      literals,
      fieldLabels,
    });
  }
  const edges = listOf(root["edges"] ?? [], maxEdges, "edges").flatMap((value): SourceEdge[] => {
    const edge = fieldsOf(value);
    // A collapsed edge only draws others, which are listed too.
    if (edge?.["type"] !== undefined && edge["type"] !== "default") return [];
    const [source, sourceField] = [textOf(edge?.["source"]), textOf(edge?.["sourceHandle"])];
    const [target, targetField] = [textOf(edge?.["target"]), textOf(edge?.["targetHandle"])];
    if (!source || !sourceField || !target || !targetField) {
      throw notWorkflow("Each edge of a workflow needs a source and a target.");
    }
    return [{ from: [source, sourceField], to: [target, targetField] }];
  });
  return {
    name: textOf(root["name"]) ?? "",
    description: textOf(root["description"]) ?? "",
    nodes,
    edges: withoutConnectors(edges, connectors),
    shown: readForm(root["form"]) ?? readExposed(root["exposedFields"]),
  };
}

/** Connectors only lay edges: an edge behind one comes from what leads into it. */
function withoutConnectors(edges: SourceEdge[], connectors: ReadonlySet<string>): SourceEdge[] {
  if (connectors.size === 0) return edges;
  const into = new Map(edges.map((edge) => [edge.to[0], edge.from]));
  return edges.flatMap(({ from, to }) => {
    if (connectors.has(to[0])) return [];
    let source: SourceEdge["from"] | undefined = from;
    // At most once through each: connectors may form a circle.
    for (let hops = 0; source && connectors.has(source[0]); hops += 1) {
      source = hops > connectors.size ? undefined : into.get(source[0]);
    }
    return source ? [{ from: source, to }] : [];
  });
}

function readGraph(root: Fields): SourceWorkflow {
  const listed = Object.entries(fieldsOf(root["nodes"]) ?? {});
  if (listed.length > maxNodes) throw tooMany("nodes", maxNodes);
  const nodes = listed.map(([key, value]): SourceNode => {
    const node = fieldsOf(value);
    const type = textOf(node?.["type"]);
    if (!node || type === undefined || (node["id"] ?? key) !== key) {
      throw notWorkflow("Each node of a graph needs a type, and its key as id.");
    }
    const { id: _id, type: _type, is_intermediate, use_cache, ...literals } = node;
    return {
      id: key,
      type,
      label: "",
      version: undefined,
      pack: undefined,
      isIntermediate: is_intermediate === true,
      useCache: use_cache !== false,
      literals: new Map(Object.entries(literals)),
      fieldLabels: new Map(),
    };
  });
  const edges = listOf(root["edges"] ?? [], maxEdges, "edges").map((value): SourceEdge => {
    const edge = fieldsOf(value);
    const ends = [fieldsOf(edge?.["source"]), fieldsOf(edge?.["destination"])].map((end) => [
      textOf(end?.["node_id"]),
      textOf(end?.["field"]),
    ]);
    const [[source, sourceField], [target, targetField]] = ends as [string[], string[]];
    if (!source || !sourceField || !target || !targetField) {
      throw notWorkflow("Each edge of a graph needs a source and a destination.");
    }
    return { from: [source, sourceField], to: [target, targetField] };
  });
  return { name: "", description: "", nodes, edges, shown: null };
}

/** The fields of the workflow's form, from top to bottom; null if it has none. */
function readForm(value: Json | undefined): ShownField[] | null {
  const form = fieldsOf(value);
  const elements = fieldsOf(form?.["elements"]);
  const root = textOf(form?.["rootElementId"]);
  if (!elements || root === undefined) return null;
  const shown: ShownField[] = [];
  const seen = new Set<string>();
  const waiting = [root];
  for (
    let id = waiting.pop();
    id !== undefined && seen.size < maxFormElements;
    id = waiting.pop()
  ) {
    // An element may be named twice, or contain itself.
    if (seen.has(id) || !Object.hasOwn(elements, id)) continue;
    seen.add(id);
    const element = fieldsOf(elements[id]);
    const data = fieldsOf(element?.["data"]);
    const children = data?.["children"];
    if (Array.isArray(children)) {
      waiting.push(...children.flatMap((child) => textOf(child) ?? []).toReversed());
    }
    const field = element?.["type"] === "node-field" && readIdentifier(data?.["fieldIdentifier"]);
    if (field) shown.push({ ...field, ...readBounds(fieldsOf(data?.["settings"])) });
  }
  return shown.length === 0 ? null : shown;
}

function readExposed(value: Json | undefined): ShownField[] | null {
  const fields = Array.isArray(value) ? value.flatMap((one) => readIdentifier(one) ?? []) : [];
  return fields.length === 0 ? null : fields.slice(0, maxFormElements);
}

function readIdentifier(value: Json | undefined): ShownField | undefined {
  const named = fieldsOf(value);
  const [node, field] = [textOf(named?.["nodeId"]), textOf(named?.["fieldName"])];
  return node && field ? { node, field } : undefined;
}

function readBounds(settings: Fields | undefined): { min?: number; max?: number } {
  const { min, max } = settings ?? {};
  return {
    ...(typeof min === "number" && { min }),
    ...(typeof max === "number" && { max }),
  };
}

function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Fields) : undefined;
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.length <= maxIdLength * 50 ? value : undefined;
}

function listOf(value: Json | undefined, max: number, what: string): Json[] {
  if (!Array.isArray(value)) throw notWorkflow(`The workflow has no list of ${what}.`);
  if (value.length > max) throw tooMany(what, max);
  return value;
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

function tooMany(what: string, max: number): AppError {
  return notWorkflow(`The workflow has more than ${max} ${what}; split it.`);
}

function notWorkflow(message: string): AppError {
  return graphFault(message, []);
}

/** "Label" (type), as a person finds the node in InvokeAI's editor. */
export function titleOf({ label, type }: Pick<SourceNode, "label" | "type">): string {
  const title = label.trim().slice(0, 60);
  return title === "" ? `"${type.slice(0, 100)}"` : `"${title}" (${type.slice(0, 100)})`;
}

/** The 400 for a workflow that cannot become a recipe. */
export function graphFault(message: string, errors: FieldFault[]): AppError {
  return new AppError({
    kind: "invalid",
    code: "invokeai_graph_error",
    message,
    ...(errors.length > 0 && { details: { errors } }),
  });
}
