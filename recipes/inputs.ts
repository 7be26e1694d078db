import { beginningOf } from "#storable-text";
import { findField, type NodeField } from "./catalogue";
import type { CheckedWorkflow, KnownNode } from "./checked-workflow";
import type { ShownField, SourceEdge } from "./read-workflow";
import type { InputKind, Json, NamedModel, RecipeInput, Role } from "./recipe";
import { guessRole, listRoles } from "./roles";

type Context = {
  workflow: CheckedWorkflow;
  /** The nodes that the outputs need. */
  kept: ReadonlySet<string>;
  edges: readonly SourceEdge[];
  /** Fields that a connection or a seed sets, as `<node>.<field>`. */
  fed: ReadonlySet<string>;
  /** The names of the nodes in the template. */
  names: ReadonlyMap<string, string>;
};

const maxLabelLength = 200;

/**
 * What a step may set: the fields that the workflow shows, in its order; without any, those that a person would look for.
 * Models and images always: those that a workflow names are another server's.
 */
export function listInputs(context: Context): RecipeInput[] {
  const { workflow, kept, fed } = context;
  const shown = workflow.shown ?? guessShown(context);
  const listed = new Map<string, ShownField>();
  for (const field of [...shown, ...foreignFields(context)]) {
    const id = `${field.node}.${field.field}`;
    if (kept.has(field.node) && !fed.has(id) && !listed.has(id)) listed.set(id, field);
  }
  const inputs = [...listed.values()].flatMap((field) => toInput(context, field) ?? []);
  return withSingleRoles(inputs);
}

/** Fields that hold models and images, but empty ones that need not be set, and lists of batch nodes. */
function foreignFields({ workflow, kept }: Context): ShownField[] {
  return [...kept].flatMap((id) => {
    const node = workflow.nodes.get(id)!;
    return Object.entries(node.about.fields).flatMap(([field, about]) => {
      const isList = node.batch !== undefined && isSettable(about);
      if (about.kind !== "model" && about.kind !== "image" && !isList) return [];
      if (about.isConnection) return [];
      const isSet = (node.literals.get(field) ?? null) !== null;
      return isSet || about.isRequired || isList ? [{ node: id, field }] : [];
    });
  });
}

/** Of a graph without a form: prompts, sizes and numbers by the names that InvokeAI's own nodes give them. */
const telling: ReadonlySet<string> = new Set([
  "value",
  "prompt",
  "seed",
  "width",
  "height",
  "steps",
  "num_steps",
  "cfg_scale",
  "guidance",
  "guidance_scale",
  "scheduler",
  "denoising_start",
  "weight",
  "scale",
]);
const primitives: ReadonlySet<string> = new Set(["string", "integer", "float", "boolean"]);

function guessShown({ workflow, kept }: Context): ShownField[] {
  return [...kept].flatMap((id) => {
    const { about, literals, type } = workflow.nodes.get(id)!;
    return Object.keys(about.fields).flatMap((field) => {
      const isTelling = telling.has(field) && (field !== "value" || primitives.has(type));
      return isTelling && literals.has(field) ? [{ node: id, field }] : [];
    });
  });
}

function toInput(context: Context, shown: ShownField): RecipeInput | undefined {
  const node = context.workflow.nodes.get(shown.node);
  const own = node && findField(node.about, shown.field);
  if (!node || !own || own.isConnection || !isSettable(own)) return undefined;
  const about = node.batch ? withBoundsOfTargets(context, node, own) : own;
  const { batch } = node;
  const value = batch ? (batch.values ?? null) : (node.literals.get(shown.field) ?? null);
  const { min, max, above, below, multipleOf, choices, modelTypes, modelBases } = about;
  const standard = defaultOf(about, value);
  const guessed = guessRole(context, node, shown.field, about);
  const role = batch && guessed !== null && !listRoles.includes(guessed) ? null : guessed;
  const isDrawn = batch?.drawn !== undefined;
  return {
    id: `${context.names.get(node.id)}.${shown.field}`,
    label: labelOf(node, shown.field, about),
    kind: about.kind as InputKind,
    ...(batch && { list: { group: batch.group, ...(batch.drawn && { drawn: batch.drawn }) } }),
    role,
    isRequired:
      standard === undefined && !isDrawn && (about.isRequired === true || batch !== undefined),
    ...(standard !== undefined && { default: standard }),
    ...narrowed({ min, max }, shown),
    ...(above !== undefined && { above }),
    ...(below !== undefined && { below }),
    ...(multipleOf !== undefined && { multipleOf }),
    ...(choices && { choices }),
    ...(modelTypes && { modelTypes }),
    ...(modelBases && { modelBases }),
  };
}

/** A list's values have to fit all fields that they go into: a wrong one would fail only when its turn comes. */
function withBoundsOfTargets(
  { workflow, edges }: Context,
  node: KnownNode,
  own: NodeField,
): NodeField {
  const targets = edges.flatMap(({ from, to }) => {
    const target = from[0] === node.id ? workflow.nodes.get(to[0]) : undefined;
    const field = target && findField(target.about, to[1]);
    return field?.kind === "integer" || field?.kind === "number" ? [field] : [];
  });
  const strictest = (name: "min" | "max" | "above" | "below" | "multipleOf") => {
    const bounds = targets.flatMap((field) => field[name] ?? []);
    const isUpper = name === "max" || name === "below";
    return bounds.length === 0 ? {} : { [name]: (isUpper ? Math.min : Math.max)(...bounds) };
  };
  return {
    ...own,
    ...strictest("min"),
    ...strictest("max"),
    ...strictest("above"),
    ...strictest("below"),
    ...strictest("multipleOf"),
  };
}

const isSettable = ({ kind }: NodeField) => kind !== "images" && kind !== "other";

/** The author's bounds, where they are within those of the field. */
function narrowed(
  field: { min: number | undefined; max: number | undefined },
  shown: ShownField,
): { min?: number; max?: number } {
  const min = Math.max(field.min ?? -Infinity, shown.min ?? -Infinity);
  const max = Math.min(field.max ?? Infinity, shown.max ?? Infinity);
  return {
    ...(Number.isFinite(min) && { min }),
    ...(Number.isFinite(max) && { max }),
  };
}

/** A model as its own server named it; an image of another server is none. */
function defaultOf(about: NodeField, value: Json): Json | undefined {
  if (value === null || about.kind === "image") return undefined;
  return about.kind === "model" ? readModel(value) : value;
}

function readModel(value: Json): Json | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const part = (name: keyof NamedModel) => {
    const text = value[name];
    return typeof text === "string" ? text.slice(0, 500) : "";
  };
  const named: NamedModel = {
    key: part("key"),
    hash: part("hash"),
    name: part("name"),
    base: part("base"),
    type: part("type"),
  };
  return named.name === "" && named.hash === "" ? undefined : named;
}

function labelOf(node: KnownNode, field: string, about: NodeField): string {
  const given = node.fieldLabels.get(field)?.trim();
  if (given) return beginningOf(given, maxLabelLength);
  const title = node.label.trim() || node.about.title;
  const name = about.title || field;
  return beginningOf(`${title}: ${name}`, maxLabelLength);
}

/** Only prompts, seeds and sizes may set several inputs at once; of the others the first keeps its role. */
function withSingleRoles(inputs: RecipeInput[]): RecipeInput[] {
  const seen = new Set<Role>();
  return inputs.map((input) => {
    const { role } = input;
    const isSingle = role === "model" || role === "source" || role === "mask";
    if (role === null || !isSingle) return input;
    if (seen.has(role)) return { ...input, role: null };
    seen.add(role);
    return input;
  });
}
