export type GraphNode = { id: string; type: string; [field: string]: unknown };

export type GraphEdge = {
  source: { node_id: string; field: string };
  destination: { node_id: string; field: string };
};

export type Graph = { id: string; nodes: Record<string, GraphNode>; edges: GraphEdge[] };

/** Node ids in topological order, each after its dependencies; undefined for a cycle. */
export function sortNodes(graph: Graph): string[] | undefined {
  const waitsFor = new Map(Object.keys(graph.nodes).map((id) => [id, new Set<string>()]));
  for (const edge of graph.edges) {
    waitsFor.get(edge.destination.node_id)?.add(edge.source.node_id);
  }
  const order: string[] = [];
  while (waitsFor.size > 0) {
    const ready = [...waitsFor].filter(([, sources]) => sources.size === 0).map(([id]) => id);
    if (ready.length === 0) return undefined;
    for (const id of ready) {
      waitsFor.delete(id);
      for (const sources of waitsFor.values()) sources.delete(id);
    }
    order.push(...ready);
  }
  return order;
}

/** The seed of a graph: the value of its sampling node, from an edge or a literal. */
export function findSeed(graph: Graph): number | null {
  const sampler = Object.values(graph.nodes).find((node) =>
    ["noise", "flux_denoise"].includes(node.type),
  );
  const edge = graph.edges.find(
    ({ destination }) => destination.node_id === sampler?.id && destination.field === "seed",
  );
  const seed = edge === undefined ? sampler?.seed : graph.nodes[edge.source.node_id]?.value;
  return typeof seed === "number" ? seed : null;
}
