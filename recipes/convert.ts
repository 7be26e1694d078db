import type { FieldFault } from "#errors";
import { withoutBatchNodes } from "./batch-nodes";
import { findField, findNodeType, type NodeCatalogue } from "./catalogue";
import type { CheckedWorkflow, KnownNode } from "./checked-workflow";
import { refusalOf, ruleOf } from "./node-rules";
import { listInputs } from "./inputs";
import { rangeFaults } from "./range-nodes";
import type { RecipeTemplate } from "./recipe";
import {
  graphFault,
  readWorkflow,
  type SourceEdge,
  type SourceNode,
  type SourceWorkflow,
  titleOf,
} from "./read-workflow";
import { literalFault } from "./values";

/** Pass a picture on instead of making one: their result would be the picture that went in. */
const passesOn: ReadonlySet<string> = new Set([
  "image",
  "show_image",
  "iterate",
  "image_collection",
]);
/** A step makes no more images, and an archive takes no more of the others. */
const maxOutputs = 100;
const maxSeeds = 500;
const maxInputs = 1_000;
const maxWarnings = 100;
/** From here on a random number is taken for a seed. */
const seedRange = 1_000_000;

/**
 * Converts a workflow or a graph. Pure, and the same for all supported versions of InvokeAI; `catalogue` is of the one in
 * force. Docs: docs/generation/recipes.md.
 * @param allowed types that the owner allows beside the plain ones
 * @throws AppError invokeai_graph_error that names each node that may not run
 */
export function convertWorkflow(
  value: unknown,
  catalogue: NodeCatalogue,
  allowed: readonly string[],
): { name: string; description: string; template: RecipeTemplate } {
  const warnings: string[] = [];
  const source = withoutBatchNodes(readWorkflow(value), warnings);
  const checked = checkNodes(source, catalogue, allowed);
  const { edges, seeds } = takeOverSeeds(withUsableEdges(checked, warnings), warnings);
  const outputs = findOutputs(checked, edges);
  if (outputs.length === 0) {
    throw graphFault("The workflow makes no picture; a recipe needs a node that saves one.", []);
  }
  if (outputs.length > maxOutputs) {
    throw graphFault(`The workflow makes more than ${maxOutputs} pictures; split it.`, []);
  }
  const kept = ancestorsOf(outputs, edges);
  const names = nameNodes(kept, outputs);
  const usedEdges = edges.filter(({ to, from }) => kept.has(to[0]) && kept.has(from[0]));
  const fed = new Set(usedEdges.map(({ to }) => to.join(".")));
  for (const target of seeds) fed.add(target.join("."));
  refuse([...checked.nodes.values()].flatMap((node) => literalFaults(node, fed)));
  warnings.push(...versionWarnings(checked, kept));
  const inputs = listInputs({ workflow: checked, kept, edges: usedEdges, fed, names });
  const usedSeeds = seeds.filter(([id]) => kept.has(id));
  for (const [what, count, most] of [
    ["inputs", inputs.length, maxInputs],
    ["fields for a seed", usedSeeds.length, maxSeeds],
  ] as const) {
    if (count > most) throw graphFault(`The workflow has more than ${most} ${what}; split it.`, []);
  }
  const isInput = new Set(inputs.map(({ id }) => id));
  const template: RecipeTemplate = {
    nodes: Object.fromEntries(
      [...kept].map((id) => {
        const node = checked.nodes.get(id)!;
        const literals = [...node.literals].filter(([field]) => {
          const name = `${names.get(id)}.${field}`;
          return isLiteral(node, field) && !fed.has(`${id}.${field}`) && !isInput.has(name);
        });
        const isCached = node.useCache && !outputs.includes(id);
        return [
          names.get(id)!,
          {
            type: node.type,
            ...(!isCached && { useCache: false as const }),
            literals: Object.fromEntries(literals),
          },
        ];
      }),
    ),
    edges: usedEdges.map(({ from, to }) => ({
      from: [names.get(from[0])!, from[1]],
      to: [names.get(to[0])!, to[1]],
    })),
    outputs: outputs.map((id) => names.get(id)!),
    isOpenEnded: isOpenEnded(checked, outputs, usedEdges),
    seeds: usedSeeds.map(([id, field]): [string, string] => [names.get(id)!, field]),
    inputs,
    warnings: warnings.slice(0, maxWarnings),
  };
  const sources = new Map([...names].map(([id, name]) => [name, checked.nodes.get(id)!]));
  refuse(
    rangeFaults(template, {}, isInput).map(({ node, fields: [field], message }) => {
      const source = sources.get(node)!;
      return {
        path: `${pathOf(source)}.${field}`,
        message: `The node ${titleOf(source)} ${message}.`,
      };
    }),
  );
  return { name: source.name, description: source.description, template };
}

function checkNodes(
  source: SourceWorkflow,
  catalogue: NodeCatalogue,
  allowed: readonly string[],
): CheckedWorkflow {
  const faults: FieldFault[] = [];
  const nodes = new Map<string, KnownNode>();
  for (const node of source.nodes) {
    const about = findNodeType(catalogue, node.type);
    const note = (message: string) => void faults.push({ path: pathOf(node), message });
    const why = refusalOf({ type: node.type, pack: about?.pack }, allowed);
    const isGone = !about && ruleOf(node.type).kind !== "refused";
    if (isGone) note(`InvokeAI has no node type for ${titleOf(node)}; replace the node.`);
    else if (why !== undefined) note(`The node ${titleOf(node)} is refused: it ${why}.`);
    else if (about) nodes.set(node.id, { ...node, about });
  }
  refuse(faults);
  return { ...source, nodes };
}

const pathOf = ({ id }: SourceNode) => `nodes.${id.slice(0, 100)}`;

/** @throws AppError for any faults */
function refuse(faults: readonly FieldFault[]): void {
  const [first, ...others] = faults;
  if (!first) return;
  const more = others.length > 0 ? ` ${others.length} more in details.errors.` : "";
  throw graphFault(`${first.message}${more}`, faults.slice(0, 100));
}

/** @param fed fields that a connection or a seed sets: it replaces the value */
function literalFaults(node: KnownNode, fed: ReadonlySet<string>): FieldFault[] {
  return [...node.literals].flatMap(([name, value]) => {
    const isUsed = isLiteral(node, name) && !fed.has(`${node.id}.${name}`);
    const field = isUsed ? findField(node.about, name) : undefined;
    const fault = field && literalFault(field, value);
    const message = `The node ${titleOf(node)} has in ${name.slice(0, 100)} ${fault}.`;
    return fault === undefined ? [] : [{ path: `${pathOf(node)}.${name.slice(0, 100)}`, message }];
  });
}

/** Whether the node takes this value from the workflow. InvokeAI drops names that it does not know. */
function isLiteral({ about, literals }: KnownNode, name: string): boolean {
  const field = findField(about, name);
  const value = literals.get(name);
  return field !== undefined && !field.isConnection && value !== null && value !== undefined;
}

/** The edges between fields that exist. Metadata is written by us. */
function withUsableEdges(workflow: CheckedWorkflow, warnings: string[]): CheckedWorkflow {
  const taken = new Map<string, SourceEdge>();
  const edges = workflow.edges.filter((edge) => {
    const [from, to] = [workflow.nodes.get(edge.from[0]), workflow.nodes.get(edge.to[0])];
    // Ends in something else than a node that draws, such as a note.
    if (!from || !to || edge.to[1] === "metadata") return false;
    const place = `${titleOf(from)} → ${titleOf(to)}`;
    if (!from.about.outputs.includes(edge.from[1]) || !findField(to.about, edge.to[1])) {
      warnings.push(`${place}: InvokeAI does not know this connection any more; it is left out.`);
      return false;
    }
    const target = edge.to.join(".");
    const collects = to.type === "collect" && edge.to[1] === "item";
    if (taken.has(target) && !collects) {
      throw graphFault(`${titleOf(to)} has two connections into ${edge.to[1]}; remove one.`, []);
    }
    taken.set(target, edge);
    return true;
  });
  checkCircles(workflow, edges);
  return { ...workflow, edges };
}

function checkCircles(workflow: CheckedWorkflow, edges: readonly SourceEdge[]): void {
  const waits = new Map([...workflow.nodes.keys()].map((id) => [id, 0]));
  for (const { to } of edges) waits.set(to[0], (waits.get(to[0]) ?? 0) + 1);
  const next = nextOf(edges);
  const ready = [...waits].flatMap(([id, count]) => (count === 0 ? [id] : []));
  let seen = 0;
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    seen += 1;
    for (const to of next.get(id) ?? []) {
      const left = (waits.get(to) ?? 0) - 1;
      waits.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  if (seen < workflow.nodes.size) {
    throw graphFault("The workflow's connections form a circle; remove one of them.", []);
  }
}

function nextOf(edges: readonly SourceEdge[]): Map<string, string[]> {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from[0], [...(next.get(from[0]) ?? []), to[0]]);
  return next;
}

/**
 * Random seeds become ours, so that an image can be made again: nodes that draw a random number, and fields named `seed`
 * that nothing sets.
 */
function takeOverSeeds(
  { nodes, edges, shown }: CheckedWorkflow,
  warnings: string[],
): { edges: SourceEdge[]; seeds: [string, string][] } {
  const drawn = new Set<string>();
  for (const node of nodes.values()) {
    if (node.type === "rand_int" && isSeedRange(node)) drawn.add(node.id);
    else if (node.type === "rand_int" || node.type === "rand_float") {
      warnings.push(`${titleOf(node)} draws its own random number, so images differ each time.`);
    }
  }
  const fed = new Set(edges.map(({ to }) => to.join(".")));
  const isShown = new Set(shown?.map(({ node, field }) => `${node}.${field}`));
  const seeds: [string, string][] = edges.flatMap(({ from, to }) =>
    drawn.has(from[0]) ? [to] : [],
  );
  const isGraph = shown === null;
  for (const node of nodes.values()) {
    for (const [name, field] of Object.entries(node.about.fields)) {
      const id = `${node.id}.${name}`;
      const isSeed = field.kind === "integer" && name === "seed";
      if (!isSeed || fed.has(id) || isShown.has(id)) continue;
      if (isGraph && node.literals.has(name)) continue;
      seeds.push([node.id, name]);
    }
  }
  return { edges: edges.filter(({ from }) => !drawn.has(from[0])), seeds };
}

function isSeedRange({ literals }: SourceNode): boolean {
  const [low, high] = [literals.get("low") ?? 0, literals.get("high") ?? 2 ** 31 - 1];
  return Number(high) - Number(low) >= seedRange;
}

/** The nodes whose pictures are the result: those that are not marked as intermediate and that no other node uses. */
function findOutputs({ nodes }: CheckedWorkflow, edges: readonly SourceEdge[]): string[] {
  const used = new Set(
    edges
      .filter(({ from }) => ["image", "collection"].includes(from[1]))
      .map(({ from }) => from[0]),
  );
  const makers = [...nodes.values()].filter(
    ({ type, about }) => about.makes !== "other" && !passesOn.has(type),
  );
  const final = makers.filter(({ id }) => !used.has(id));
  const shown = final.filter(({ isIntermediate }) => !isIntermediate);
  // In the middle, where a node was not marked; or all marked, as in a workflow that hides its result.
  const inMiddle = makers.filter(({ isIntermediate }) => !isIntermediate);
  const [best] = [shown, inMiddle, final].filter((found) => found.length > 0);
  return (best ?? []).map(({ id }) => id);
}

function ancestorsOf(ids: readonly string[], edges: readonly SourceEdge[]): Set<string> {
  const before = new Map<string, string[]>();
  for (const { from, to } of edges) before.set(to[0], [...(before.get(to[0]) ?? []), from[0]]);
  const found = new Set<string>();
  const waiting = [...ids];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    waiting.push(...(before.get(id) ?? []));
  }
  return found;
}

/** Names of our own: those of a workflow may be anything, also names that our graphs give a meaning to. */
function nameNodes(kept: ReadonlySet<string>, outputs: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  let others = 0;
  for (const id of kept) {
    const at = outputs.indexOf(id);
    if (at === -1) names.set(id, `n${(others += 1)}`);
    else names.set(id, at === 0 ? "out" : `out_${at}`);
  }
  return names;
}

/** Whether an output runs once for each element of a list whose length shows only then. */
function isOpenEnded(
  { nodes }: CheckedWorkflow,
  outputs: readonly string[],
  edges: readonly SourceEdge[],
): boolean {
  const depths = new Map<string, number>();
  const before = new Map<string, string[]>();
  for (const { from, to } of edges) before.set(to[0], [...(before.get(to[0]) ?? []), from[0]]);
  const depthOf = (id: string): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const type = nodes.get(id)?.type;
    const above = Math.max(0, ...(before.get(id) ?? []).map(depthOf));
    const depth =
      type === "iterate" ? above + 1 : type === "collect" ? Math.max(above - 1, 0) : above;
    depths.set(id, depth);
    return depth;
  };
  return outputs.some((id) => depthOf(id) > 0 || nodes.get(id)?.about.makes === "images");
}

function versionWarnings({ nodes }: CheckedWorkflow, kept: ReadonlySet<string>): string[] {
  return [...kept].flatMap((id) => {
    const node = nodes.get(id)!;
    const [made, now] = [node.version, node.about.version].map((text) => text?.split(".")[0]);
    if (made === undefined || made === now) return [];
    return [
      `${titleOf(node)} was made for version ${node.version?.slice(0, 20)}; InvokeAI has ${node.about.version}.`,
    ];
  });
}
