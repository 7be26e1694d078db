import { t, type TSchema } from "elysia";
import { toDollars } from "#db/pod-costs";
import type { PodSpending } from "#db/queries/pods/spending";
import { type SettingName, settingNames, settingSchemas, type SettingValues } from "#db/settings";
import { withoutCredentials } from "../../http/without-credentials";

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
            // A value from the environment is checked against other bounds.
            name === "backend.local_url" ? t.String() : settingSchemas[name],
          ]),
        ),
      ),
    ),
    cost_tracking: t.Object(
      {
        current_session_cost: usd,
        month_cost: usd,
        lifetime_usage_hours: t.Number({ minimum: 0 }),
        lifetime_cost: usd,
      },
      { description: "Of rented pods; months begin by TIME_ZONE. Read-only" },
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

export function settingsToWire(values: SettingValues, costs: PodSpending) {
  const shown = { ...values, "backend.local_url": withoutCredentials(values["backend.local_url"]) };
  return {
    ...Object.fromEntries(
      groups.map((group) => [
        group,
        Object.fromEntries(fieldsOf(group).map(([field, name]) => [field, shown[name]])),
      ]),
    ),
    cost_tracking: {
      current_session_cost: toDollars(costs.currentMicros),
      month_cost: toDollars(costs.monthMicros),
      lifetime_usage_hours: costs.lifetimeMs / 3_600_000,
      lifetime_cost: toDollars(costs.lifetimeMicros),
    },
  };
}
