import { type Static, t } from "elysia";
import type { Model } from "#db/schema/models";
import type { Usability } from "../generation/usability";
import { modelSchema, usabilityFields, usabilityToWire } from "./model";

const { key: keyField, name: nameField, base: baseField } = modelSchema.properties;
const identity = { key: keyField, name: nameField, base: baseField };
const { unusable_reason, lacks } = usabilityFields;

/** What a refresh says about the main models that InvokeAI has. */
export const refreshedSchema = t.Object({
  usable: t.Array(t.Object(identity), {
    description: "The main models that images can be generated with",
  }),
  unusable: t.Array(t.Object({ ...identity, unusable_reason, lacks }), {
    description: "The main models that cannot be used",
  }),
});

/** @param mains the available main models, by name */
export function refreshedToWire(
  mains: readonly Model[],
  usabilityOf: (model: Model) => Usability,
): Static<typeof refreshedSchema> {
  const judged = mains.map((model) => ({ model, usability: usabilityOf(model) }));
  const identityOf = ({ key, name, base }: Model) => ({ key, name, base });
  return {
    usable: judged
      .filter(({ usability }) => usability.usable)
      .map(({ model }) => identityOf(model)),
    unusable: judged
      .filter(({ usability }) => !usability.usable)
      .map(({ model, usability }) => {
        const { usable: _usable, ...why } = usabilityToWire(usability);
        return { ...identityOf(model), ...why };
      }),
  };
}
