import type { Bounds, FieldKind } from "./catalogue";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** What an input means, so that it can be set by the step's own field of that name. */
export const roles = [
  "prompt",
  "negative",
  "seed",
  "width",
  "height",
  "model",
  "source",
  "mask",
] as const;
export type Role = (typeof roles)[number];

/** The kinds of inputs that a step can set. */
export type InputKind = Exclude<FieldKind, "images" | "other">;

/** Random numbers of a workflow's generator that has no seed of its own; `max` can be drawn only if they are whole. */
export type DrawnList = { isWhole: boolean; min: number; max: number; count: number };

/**
 * An input whose value is a list: the workflow runs for each of its values. Lists with the same `group` go together,
 * value by value; `null` goes with no other.
 */
export type ListInput = { group: string | null; drawn?: DrawnList };

/** A value of a workflow that a step may set. */
export type RecipeInput = Bounds & {
  /** `<node>.<field>` */
  id: string;
  label: string;
  /** Of a list: that of its values. */
  kind: InputKind;
  list?: ListInput;
  role: Role | null;
  isRequired: boolean;
  /** The workflow's own value. For a model: its name there. Absent: none. */
  default?: Json;
};

/** A model as another InvokeAI named it; `key` means nothing here. */
export type NamedModel = { key: string; hash: string; name: string; base: string; type: string };

type RecipeNode = { type: string; useCache?: false; literals: Record<string, Json> };
type RecipeEdge = { from: [node: string, field: string]; to: [node: string, field: string] };

/** A workflow, converted: everything that a graph is built from but the values of its inputs. */
export type RecipeTemplate = {
  nodes: Record<string, RecipeNode>;
  edges: RecipeEdge[];
  /** Names of the nodes whose pictures are the result. */
  outputs: string[];
  /** How many pictures it makes is known only once it has run. */
  isOpenEnded: boolean;
  /** Values, other than inputs, that the seed of an image sets. */
  seeds: [node: string, field: string][];
  inputs: RecipeInput[];
  /** What was left out or differs, for the owner to read. */
  warnings: string[];
};
