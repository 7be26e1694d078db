import type { Static } from "elysia";
import { type FieldFault, invalid } from "#errors";
import type { RecipeTemplate } from "#recipes/recipe";
import { listRoles, roleKinds } from "#recipes/roles";
import { tidyTitle } from "../../fields/text";
import type { recipeChange } from "./model";

type InputChanges = NonNullable<Static<typeof recipeChange>["inputs"]>;

/**
 * Corrects roles and labels of inputs.
 * @throws AppError validation_error for an unknown input, and for a role of another type
 */
export function changeInputs(template: RecipeTemplate, changes: InputChanges): RecipeTemplate {
  const faults: FieldFault[] = [];
  for (const [id, { role, label }] of Object.entries(changes)) {
    const input = template.inputs.find((candidate) => candidate.id === id);
    const path = `inputs.${id}`;
    if (!input) faults.push({ path, message: "an id of this recipe's inputs" });
    else if (role && !roleKinds[role].includes(input.kind)) {
      const kinds = roleKinds[role].join(" or ");
      faults.push({ path: `${path}.role`, message: `${role} is for an input of type ${kinds}` });
    } else if (role && input.list && !listRoles.includes(role)) {
      faults.push({ path: `${path}.role`, message: `for a list: one of ${listRoles.join(", ")}` });
    }
    if (label !== undefined && tidyTitle(label) === null) {
      faults.push({ path: `${path}.label`, message: "1 to 200 characters" });
    }
  }
  if (faults.length > 0) throw invalid("The inputs cannot be changed; see details.errors.", faults);
  return {
    ...template,
    inputs: template.inputs.map((input) => {
      const change = Object.hasOwn(changes, input.id) ? changes[input.id] : undefined;
      if (!change) return input;
      const label = change.label === undefined ? input.label : (tidyTitle(change.label) ?? "");
      return { ...input, label, role: change.role === undefined ? input.role : change.role };
    }),
  };
}
