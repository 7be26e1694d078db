import type { FieldFault } from "#errors";
import type { FieldKind } from "./catalogue";
import { maxListLength, readGenerator } from "./generators";
import { graphFault, type SourceNode, type SourceWorkflow, titleOf } from "./read-workflow";
import type { Json } from "./recipe";
import { literalFault } from "./values";

type Batch = {
  /** Its list, and the name of the same list at its generator. */
  list: string;
  generator: string;
  /** The node with one value that takes its place; its output has the same name. */
  single: { type: string; field: string; kind: FieldKind };
};

const batchNodes: ReadonlyMap<string, Batch> = new Map(
  (["image", "string", "integer", "float"] as const).map((what) => [
    `${what}_batch`,
    {
      list: `${what}s`,
      generator: `${what}_generator`,
      single: {
        type: what,
        field: what === "image" ? "image" : "value",
        kind: what === "float" ? "number" : what,
      },
    },
  ]),
);
const generators: ReadonlySet<string> = new Set(
  [...batchNodes.values()].map(({ generator }) => generator),
);
const groups: ReadonlySet<string> = new Set([1, 2, 3, 4, 5].map((number) => `Group ${number}`));

/**
 * Puts a node with one value in place of each batch node; its list becomes an input, and the workflow runs for each of its values.
 * Generators are read here: what they give are the values of their batch nodes.
 * @throws AppError invokeai_graph_error that names each node whose list is not known
 */
export function withoutBatchNodes(source: SourceWorkflow, warnings: string[]): SourceWorkflow {
  const isBatch = ({ type }: SourceNode) => batchNodes.has(type) || generators.has(type);
  if (!source.nodes.some(isBatch)) return source;
  const byId = new Map(source.nodes.map((node) => [node.id, node]));
  const typeOf = (id: string) => byId.get(id)?.type ?? "";
  const faults: FieldFault[] = [];
  const note = (node: SourceNode, why: string) =>
    void faults.push({
      path: `nodes.${node.id.slice(0, 100)}`,
      message: `The node ${titleOf(node)} ${why}.`,
    });

  for (const { from, to } of source.edges) {
    const fed = batchNodes.get(typeOf(to[0]));
    const maker = byId.get(from[0])!;
    if (fed && maker.type !== fed.generator) {
      note(
        byId.get(to[0])!,
        `has a connection from ${titleOf(maker)}, which is no ${fed.generator}`,
      );
    } else if (!fed && generators.has(maker.type)) {
      note(maker, `is connected to ${titleOf(byId.get(to[0])!)}, which is no batch node`);
    }
  }
  const generatorOf = new Map<string, SourceNode>();
  for (const { from, to } of source.edges) {
    if (batchNodes.has(typeOf(to[0]))) generatorOf.set(to[0], byId.get(from[0])!);
  }
  const nodes = source.nodes.flatMap((node) => {
    if (generators.has(node.type)) return [];
    const batch = batchNodes.get(node.type);
    return batch ? [singleOf(node, batch, generatorOf.get(node.id))] : [node];
  });
  if (faults.length > 0) throw graphFault(faults[0]!.message, faults.slice(0, 100));
  return {
    ...source,
    nodes,
    edges: source.edges.filter(
      ({ from, to }) => !batchNodes.has(typeOf(to[0])) && !generators.has(typeOf(from[0])),
    ),
    shown: source.shown?.map(shownOf) ?? null,
  };

  function singleOf(node: SourceNode, batch: Batch, maker: SourceNode | undefined): SourceNode {
    const { list, single } = batch;
    const labelled = maker ?? node;
    const label = labelled.fieldLabels.get(maker ? "generator" : list);
    const given = node.literals.get("batch_group_id") ?? "None";
    const group = typeof given === "string" && groups.has(given) ? given : null;
    if (group === null && given !== "None") {
      note(node, "has in batch_group_id a group that InvokeAI does not know");
    }
    return {
      id: node.id,
      type: single.type,
      label: node.label.trim() || titleOfType(node.type),
      version: undefined,
      pack: undefined,
      isIntermediate: true,
      useCache: true,
      literals: new Map(),
      fieldLabels: new Map(label ? [[single.field, label]] : []),
      batch: { group, ...valuesOf(node, batch, maker) },
    };
  }

  function valuesOf(node: SourceNode, batch: Batch, maker: SourceNode | undefined) {
    if (maker) {
      const made = readGenerator(maker.literals.get("generator") ?? null);
      if (made === undefined) {
        warnings.push(`${titleOf(maker)} needs what only its own InvokeAI knows; set its values.`);
        return {};
      }
      if ("fault" in made) note(maker, `has in generator ${made.fault}`);
      else if ("drawn" in made) return made;
      else return checked(maker, "generator", batch, made.values);
      return {};
    }
    // They are another server's.
    if (batch.single.kind === "image") return {};
    const own = node.literals.get(batch.list) ?? [];
    if (Array.isArray(own)) return checked(node, batch.list, batch, own);
    note(node, `has in ${batch.list} something else than a list`);
    return {};
  }

  function checked(node: SourceNode, field: string, { single }: Batch, values: Json[]) {
    const about = { kind: single.kind, title: field };
    const fault =
      values.length > maxListLength
        ? `more than ${maxListLength} values`
        : values.map((value) => literalFault(about, value)).find((found) => found !== undefined);
    if (fault !== undefined) note(node, `has in ${field} ${fault}`);
    return values.length === 0 ? {} : { values };
  }

  function shownOf(shown: NonNullable<SourceWorkflow["shown"]>[number]) {
    const fed = [...generatorOf].find(([, { id }]) => id === shown.node)?.[0];
    const node = byId.get(fed ?? shown.node);
    const batch = node && batchNodes.get(node.type);
    if (!batch || !node) return shown;
    // The group of a batch is no value of its own.
    const isList = fed !== undefined || shown.field === batch.list;
    return { ...shown, node: node.id, field: isList ? batch.single.field : "" };
  }
}

/** `string_batch` → `String Batch`, as InvokeAI's editor shows it. */
function titleOfType(type: string): string {
  return type
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ");
}
