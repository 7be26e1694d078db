import type { FieldFault } from "#errors";
import { drawValues } from "./generators";
import type { Json, RecipeInput, RecipeTemplate, Role } from "./recipe";
import { axesOf, unequalLists } from "./combinations";
import { rangeFaults } from "./range-nodes";
import { inputFault } from "./values";

/** Values by role, from the fields of a step that mean the same. */
export type RoleValues = Partial<Record<Exclude<Role, "seed">, Json>>;

/**
 * The value of each input but models that were not given: those of the request, else those of its role, else the
 * workflow's own. Seeds are left out: they differ from image to image.
 * @param seed of the step: random lists are drawn with it
 * @param withFault adds every fault, with its path in the request
 */
export function completeInputs(
  template: RecipeTemplate,
  given: Readonly<Record<string, Json>>,
  byRole: RoleValues,
  seed: number,
  withFault: (fault: FieldFault) => void,
): Record<string, Json> {
  const values: Record<string, Json> = {};
  const unknown = new Set<string>();
  const ids = new Set(template.inputs.map(({ id }) => id));
  for (const id of Object.keys(given)) {
    if (!ids.has(id))
      withFault({ path: `inputs.${id.slice(0, 200)}`, message: "an id of the recipe's inputs" });
  }
  for (const [role, value] of Object.entries(byRole)) {
    const isKnown = template.inputs.some((input) => input.role === role);
    if (value !== undefined && !isKnown) {
      const message = `not supported: no input of this recipe has the role ${role}`;
      withFault({ path: fieldOf(role as Role), message });
    }
  }
  for (const [at, input] of template.inputs.entries()) {
    const path = pathOf(input, given, byRole);
    if (input.role === "seed") {
      unknown.add(input.id);
      if (Object.hasOwn(given, input.id)) {
        withFault({ path, message: "set by seed; give this input no role to set it here" });
      }
      continue;
    }
    const own = Object.hasOwn(given, input.id) ? given[input.id] : undefined;
    const value = own ?? valueOfRole(input, byRole) ?? standardOf(input, seed + at);
    if (value === undefined || value === null) {
      if (input.isRequired) withFault({ path, message: `required: ${input.label}` });
      continue;
    }
    const fault = inputFault(input, value);
    if (fault === undefined) values[input.id] = value;
    else {
      withFault({ path, message: fault });
      unknown.add(input.id);
    }
  }
  for (const { id, first, length } of unequalLists(axesOf(template), values)) {
    const message = `as many values as inputs.${first}, which it goes together with: ${length}`;
    withFault({ path: `inputs.${id}`, message });
  }
  for (const { node, fields, message } of rangeFaults(template, values, unknown)) {
    const id = fields.map((field) => `${node}.${field}`).find((own) => ids.has(own));
    const path = id === undefined ? "recipe_id" : `inputs.${id}`;
    withFault({ path, message: `the node "${template.nodes[node]!.type}" ${message}` });
  }
  return values;
}

/** Of a list: its only value. */
function valueOfRole({ role, list }: RecipeInput, byRole: RoleValues): Json | undefined {
  const value = role === null || role === "seed" ? undefined : byRole[role];
  return list && value !== undefined ? [value] : value;
}

/** The models that a workflow names are another server's: the caller finds the same ones. */
function standardOf(
  { kind, default: standard, list }: RecipeInput,
  seed: number,
): Json | undefined {
  if (list?.drawn) return drawValues(list.drawn, seed);
  return kind === "model" ? undefined : standard;
}

/** Where the value of an input comes from, or would. */
export function pathOf(
  { id, role }: RecipeInput,
  given: Readonly<Record<string, Json>>,
  byRole: RoleValues,
): string {
  const isOfRole = role !== null && role !== "seed" && byRole[role] !== undefined;
  // `null` counts as absent.
  const isGiven = Object.hasOwn(given, id) && given[id] !== null && given[id] !== undefined;
  return isOfRole && !isGiven ? fieldOf(role) : `inputs.${id}`;
}

/** The field of a step with the meaning of a role. */
function fieldOf(role: Role): string {
  if (role === "negative") return "negative_prompt";
  return role === "source" ? "source_image_id" : role;
}
