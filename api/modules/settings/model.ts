import { t, type TSchema } from "elysia";
import { type SettingName, settingNames, settingSchemas, type SettingValues } from "#db/settings";
import { withoutLogin } from "../../without-login";

const groups = ["generation", "backend", "retrieval", "library"] as const;
const strict = { additionalProperties: false };
const usd = t.Number({ minimum: 0, description: "US dollars" });

/** The settings of a group by their name in it. */
function fieldsOf(group: string): [field: string, name: SettingName][] {
  return settingNames
    .filter((name) => name.startsWith(`${group}.`))
    .map((name) => [name.slice(group.length + 1), name]);
}

function eachGroup(
  schemaOf: (fields: [string, SettingName][]) => TSchema,
): Record<string, TSchema> {
  return Object.fromEntries(groups.map((group) => [group, schemaOf(fieldsOf(group))]));
}

export const settingsSchema = t.Object(
  {
    ...eachGroup((fields) =>
      t.Object(
        Object.fromEntries(
          fields.map(([field, name]) => [
            field,
            // What the environment says of it is held against other bounds.
            name === "backend.local_url" ? t.String() : settingSchemas[name],
          ]),
        ),
      ),
    ),
    cost_tracking: t.Object(
      {
        current_session_cost: usd,
        lifetime_usage_hours: t.Number({ minimum: 0 }),
        lifetime_cost: usd,
      },
      { description: "Read-only" },
    ),
  },
  { title: "Settings" },
);

export const settingsChange = t.Object(
  eachGroup((fields) =>
    t.Optional(
      t.Object(
        Object.fromEntries(
          fields.map(([field, name]) => [field, t.Optional(settingSchemas[name])]),
        ),
        strict,
      ),
    ),
  ),
  { ...strict, minProperties: 1 },
);

/** A body that passed `settingsChange`, by the names of the settings. */
export function toSettingValues(body: object): Partial<SettingValues> {
  return Object.fromEntries(
    Object.entries(body).flatMap(([group, fields]: [string, object]) =>
      Object.entries(fields).map(([field, value]) => [`${group}.${field}`, value]),
    ),
  );
}

export function settingsToWire(values: SettingValues) {
  const shown = { ...values, "backend.local_url": withoutLogin(values["backend.local_url"]) };
  return {
    ...Object.fromEntries(
      groups.map((group) => [
        group,
        Object.fromEntries(fieldsOf(group).map(([field, name]) => [field, shown[name]])),
      ]),
    ),
    // Nothing is rented yet that could cost something.
    cost_tracking: { current_session_cost: 0, lifetime_usage_hours: 0, lifetime_cost: 0 },
  };
}
