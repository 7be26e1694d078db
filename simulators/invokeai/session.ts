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

/** Creates the executed copy of a graph's node, with its own id, connected to earlier copies. */
export function prepareNode(session: Session, sourceId: string): GraphNode {
  const source = session.graph.nodes[sourceId];
  if (source === undefined) throw new Error(`No node ${sourceId} in the graph`);
  const prepared: GraphNode = { ...source, id: crypto.randomUUID() };
  session.execution_graph.nodes[prepared.id] = prepared;
  session.prepared_source_mapping[prepared.id] = sourceId;
  session.source_prepared_mapping[sourceId] = [prepared.id];
  for (const edge of incomingEdges(session.graph, sourceId)) {
    const [from] = session.source_prepared_mapping[edge.source.node_id] ?? [];
    if (from === undefined) continue;
    session.execution_graph.edges.push({
      source: { node_id: from, field: edge.source.field },
      destination: { node_id: prepared.id, field: edge.destination.field },
    });
  }
  return prepared;
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
