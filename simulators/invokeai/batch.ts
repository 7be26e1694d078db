import type { Graph } from "./graph.ts";
import { parseGraph } from "./graph-validation.ts";
import { fieldsOf, findNodeDefinition } from "./nodes/index.ts";
import type { FieldValue, NewItem } from "./queue.ts";
import { newSession } from "./session.ts";
import type { Traits } from "./versions.ts";
import { missingField, requireObject, ruleBroken, ValidationFailure } from "./validation.ts";

type Datum = { node_path: string; field_name: string; items: unknown[] };

export type Batch = {
  batch_id: string;
  origin: string | null;
  destination: string | null;
  data: Datum[][] | null;
  graph: Graph;
  workflow: null;
  runs: number;
};

const loc = ["body", "batch"];

/** Parses the body of an enqueue; throws `ValidationFailure` where the real server answers 422. */
export function parseEnqueue(body: unknown, traits: Traits): { batch: Batch; prepend: boolean } {
  const outer = requireObject(body, ["body"]);
  if (outer.batch === undefined) throw new ValidationFailure([missingField(loc, body)]);
  const raw = requireObject(outer.batch, loc);
  if (raw.graph === undefined) {
    throw new ValidationFailure([missingField([...loc, "graph"], raw)]);
  }
  const graph = parseGraph(raw.graph, [...loc, "graph"], traits);
  const runs = raw.runs ?? 1;
  if (typeof runs !== "number" || !Number.isInteger(runs) || runs < 1) {
    throw new ValidationFailure([
      {
        type: "greater_than_equal",
        loc: [...loc, "runs"],
        msg: "Input should be greater than or equal to 1",
        input: runs,
        ctx: { ge: 1 },
      },
    ]);
  }
  const data = raw.data == null ? null : parseData(raw.data, graph, raw);
  const textOrNull = (value: unknown) => (typeof value === "string" ? value : null);
  return {
    prepend: outer.prepend === true,
    batch: {
      batch_id: textOrNull(raw.batch_id) ?? crypto.randomUUID(),
      origin: textOrNull(raw.origin),
      destination: textOrNull(raw.destination),
      data,
      graph,
      workflow: null,
      runs,
    },
  };
}

function parseData(input: unknown, graph: Graph, batch: unknown): Datum[][] {
  const refuseData = (message: string) =>
    new ValidationFailure([ruleBroken([...loc, "data"], message, input)]);
  const refuse = (message: string) => new ValidationFailure([ruleBroken(loc, message, batch)]);
  if (!Array.isArray(input) || !input.every(Array.isArray)) {
    throw new ValidationFailure([
      {
        type: "list_type",
        loc: [...loc, "data"],
        msg: "Input should be a valid list",
        input,
      },
    ]);
  }
  const groups = input as Datum[][];
  const seen = new Set<string>();
  for (const group of groups) {
    if (new Set(group.map(({ items }) => items.length)).size > 1) {
      throw refuseData("Zipped batch items must all have the same length");
    }
    for (const { node_path, field_name, items } of group) {
      if (new Set(items.map((item) => typeof item)).size > 1) {
        throw refuseData("All items in a batch must have the same type");
      }
      const name = `${node_path}.${field_name}`;
      if (seen.has(name))
        throw refuseData("Each batch data must have unique node_id and field_name");
      seen.add(name);
      const node = graph.nodes[node_path];
      if (node === undefined) throw refuse(`Node ${node_path} not found in graph`);
      const definition = findNodeDefinition(node.type);
      if (definition === undefined || !(field_name in fieldsOf(definition))) {
        throw refuse(`Field ${field_name} not found in node ${node_path}`);
      }
    }
  }
  return groups;
}

/** The items of a batch in the order of their ids: runs outermost, the last group fastest. */
export function expandBatch(batch: Batch): NewItem[] {
  const groups = (batch.data ?? []).filter((group) => group.length > 0);
  const rounds = groups.map(zipGroup);
  const combinations = rounds.reduce<FieldValue[][]>(
    (sofar, round) => sofar.flatMap((values) => round.map((more) => [...values, ...more])),
    [[]],
  );
  return Array.from({ length: batch.runs }, () => combinations)
    .flat()
    .map((fieldValues) => {
      const graph = structuredClone(batch.graph);
      for (const { node_path, field_name, value } of fieldValues) {
        const node = graph.nodes[node_path];
        if (node !== undefined) node[field_name] = value;
      }
      return { session: newSession(graph), fieldValues, poison: findPoison(graph, fieldValues) };
    });
}

function zipGroup(group: Datum[]): FieldValue[][] {
  const length = group[0]?.items.length ?? 0;
  return Array.from({ length }, (_, index) =>
    group.map(({ node_path, field_name, items }) => ({
      node_path,
      field_name,
      value: items[index],
    })),
  );
}

/** The fault that prevents an item from ever being loaded, because enqueue does not check values of `data`. */
function findPoison(graph: Graph, fieldValues: FieldValue[]): string | null {
  for (const { node_path, field_name, value } of fieldValues) {
    const node = graph.nodes[node_path];
    const definition = findNodeDefinition(node?.type);
    if (definition === undefined) continue;
    const fault = fieldsOf(definition)[field_name]?.check?.(value);
    if (fault !== undefined) return `${node_path}.${field_name}: ${fault.msg}`;
  }
  return null;
}
