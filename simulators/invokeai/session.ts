import type { Graph, GraphEdge, GraphNode } from "./graph.ts";

/** The execution state of one item, in the format of the item's `session`. */
export type Session = {
  id: string;
  graph: Graph;
  execution_graph: Graph;
  executed: string[];
  executed_history: string[];
  results: Record<string, Record<string, unknown>>;
  errors: Record<string, string>;
  workflow_call_stack: unknown[];
  workflow_call_history: unknown[];
  max_workflow_call_depth: number;
  prepared_source_mapping: Record<string, string>;
  source_prepared_mapping: Record<string, string[]>;
};

export function newSession(graph: Graph): Session {
  return {
    id: crypto.randomUUID(),
    graph,
    execution_graph: { id: crypto.randomUUID(), nodes: {}, edges: [] },
    executed: [],
    executed_history: [],
    results: {},
    errors: {},
    workflow_call_stack: [],
    workflow_call_history: [],
    max_workflow_call_depth: 4,
    prepared_source_mapping: {},
    source_prepared_mapping: {},
  };
}

/** By executed copy: its element of each list that is iterated before it. */
export type Iterations = Map<string, readonly number[]>;

/**
 * Creates the executed copies of a graph's node, each with its own id and connected to the earlier copies of its element:
 * one for each element that is iterated before it. The nodes before it have run.
 */
export function prepareNode(
  session: Session,
  sourceId: string,
  iterations: Iterations,
): GraphNode[] {
  const source = session.graph.nodes[sourceId];
  if (source === undefined) throw new Error(`No node ${sourceId} in the graph`);
  const edges = incomingEdges(session.graph, sourceId);
  const copiesOf = (id: string) => session.source_prepared_mapping[id] ?? [];
  const placeOf = (id: string) => iterations.get(id) ?? [];
  let places: (readonly number[])[] = [[]];
  for (const { source: from } of edges) {
    const found = copiesOf(from.node_id).map(placeOf);
    if ((found[0]?.length ?? 0) > (places[0]?.length ?? 0)) places = found;
  }
  if (source.type === "collect") places = unique(places.map((place) => place.slice(0, -1)));
  if (source.type === "iterate") {
    places = places.flatMap((place) => elementsOf(session, edges, place, placeOf));
  }
  const made = places.map((place) => {
    const index = source.type === "iterate" ? { index: place.at(-1) } : {};
    const prepared: GraphNode = { ...source, ...index, id: crypto.randomUUID() };
    iterations.set(prepared.id, place);
    session.execution_graph.nodes[prepared.id] = prepared;
    session.prepared_source_mapping[prepared.id] = sourceId;
    for (const edge of edges) {
      for (const from of copiesOf(edge.source.node_id)) {
        if (!areTogether(placeOf(from), place)) continue;
        session.execution_graph.edges.push({
          source: { node_id: from, field: edge.source.field },
          destination: { node_id: prepared.id, field: edge.destination.field },
        });
      }
    }
    return prepared;
  });
  session.source_prepared_mapping[sourceId] = made.map(({ id }) => id);
  return made;
}

/** The places of an iterator's copies: one for each element of the list that comes in. */
function elementsOf(
  session: Session,
  edges: GraphEdge[],
  place: readonly number[],
  placeOf: (id: string) => readonly number[],
): number[][] {
  const edge = edges.find(({ destination }) => destination.field === "collection");
  const from = (session.source_prepared_mapping[edge?.source.node_id ?? ""] ?? []).find((id) =>
    areTogether(placeOf(id), place),
  );
  const list = session.results[from ?? ""]?.[edge?.source.field ?? ""];
  return (Array.isArray(list) ? list : []).map((_, index) => [...place, index]);
}

/** Whether one place is within the other. */
function areTogether(one: readonly number[], other: readonly number[]): boolean {
  return one.every((index, at) => at >= other.length || index === other[at]);
}

function unique(places: (readonly number[])[]): (readonly number[])[] {
  return [...new Map(places.map((place) => [place.join(","), place])).values()];
}

/** Copies the outputs of earlier nodes into the connected inputs; several become a list. */
export function fillInputs(session: Session, prepared: GraphNode): GraphNode {
  const filled: GraphNode = { ...prepared };
  const edges = incomingEdges(session.execution_graph, prepared.id);
  for (const edge of edges) {
    const value = session.results[edge.source.node_id]?.[edge.source.field];
    const { field } = edge.destination;
    const collects = prepared.type === "collect" && field === "item";
    if (!collects) filled[field] = value;
    else filled[field] = [...(Array.isArray(filled[field]) ? filled[field] : []), value];
  }
  return filled;
}

export function recordResult(
  session: Session,
  prepared: GraphNode,
  result: Record<string, unknown>,
): void {
  const sourceId = session.prepared_source_mapping[prepared.id] ?? prepared.id;
  session.results[prepared.id] = result;
  session.executed.push(prepared.id, sourceId);
  session.executed_history.push(sourceId);
}

function incomingEdges(graph: Graph, nodeId: string): GraphEdge[] {
  return graph.edges.filter((edge) => edge.destination.node_id === nodeId);
}
