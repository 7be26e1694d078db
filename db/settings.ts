import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Config } from "#config";

const money = Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }), Type.Null()], {
  description: "US dollars; null: no limit",
});
const side = Type.Integer({ minimum: 64, maximum: 4_096, multipleOf: 8 });

/** Every setting with its bounds, by `group.name`, as rows and the api name it. Secrets are never settings. */
export const settingSchemas = {
  "generation.default_steps": Type.Integer({ minimum: 1, maximum: 500 }),
  "generation.default_cfg_scale": Type.Number({ minimum: 1, maximum: 200 }),
  "generation.default_scheduler": Type.String({ pattern: "^[a-z0-9_]{1,64}$" }),
  "generation.default_batch_size": Type.Integer({
    minimum: 1,
    maximum: 100,
    description: "At most MAX_BATCH_SIZE",
  }),
  "generation.aspect_ratios": Type.Array(
    Type.Object(
      { name: Type.String({ minLength: 1, maxLength: 50 }), width: side, height: side },
      { additionalProperties: false },
    ),
    { maxItems: 50, description: "Sizes that a front end offers" },
  ),
  "backend.mode": Type.Union([Type.Literal("local"), Type.Literal("remote")]),
  "backend.local_url": Type.String({
    pattern: "^https?://[^\\s/@?#]+(?:/[^\\s@?#]*)?$",
    maxLength: 2_048,
    description: "Where InvokeAI answers; without name and password",
  }),
  "backend.board_name": Type.Union([Type.String({ minLength: 1, maxLength: 300 }), Type.Null()], {
    description:
      "Board of InvokeAI's gallery that generated images go on, made when missing; null: none",
  }),
  "backend.idle_timeout_minutes": Type.Integer({ minimum: 1, maximum: 10_080 }),
  "backend.max_session_hours": Type.Number({ exclusiveMinimum: 0, maximum: 168 }),
  "backend.max_session_cost_usd": money,
  "backend.max_month_cost_usd": money,
  "retrieval.max_attempts": Type.Integer({ minimum: 1, maximum: 100 }),
  "retrieval.retry_delay_seconds": Type.Number({ minimum: 0.1, maximum: 3_600 }),
  "retrieval.parallel_retrievals": Type.Integer({ minimum: 1, maximum: 16 }),
  "library.trash_retention_days": Type.Integer({ minimum: 1, maximum: 3_650 }),
} satisfies Record<string, TSchema>;

export type SettingName = keyof typeof settingSchemas;
export type SettingValues = { [Name in SettingName]: Static<(typeof settingSchemas)[Name]> };
export const settingNames = Object.keys(settingSchemas) as SettingName[];

/** What holds until the owner changes it; from the environment where it has a variable. */
export function defaultSettings(config: Pick<Config, "invokeai" | "limits">): SettingValues {
  return {
    "generation.default_steps": 30,
    "generation.default_cfg_scale": 7.5,
    "generation.default_scheduler": "dpmpp_3m_k",
    "generation.default_batch_size": 1,
    "generation.aspect_ratios": [
      { name: "1:1", width: 512, height: 512 },
      { name: "4:3", width: 576, height: 432 },
      { name: "3:4", width: 432, height: 576 },
      { name: "3:2", width: 624, height: 416 },
      { name: "2:3", width: 416, height: 624 },
      { name: "16:9", width: 680, height: 384 },
      { name: "9:16", width: 384, height: 680 },
    ],
    "backend.mode": "local",
    "backend.local_url": config.invokeai.localUrl,
    "backend.board_name": null,
    "backend.idle_timeout_minutes": config.limits.podIdleMinutes,
    "backend.max_session_hours": 8,
    "backend.max_session_cost_usd": null,
    "backend.max_month_cost_usd": null,
    "retrieval.max_attempts": config.limits.retrievalMaxAttempts,
    "retrieval.retry_delay_seconds": 5,
    "retrieval.parallel_retrievals": 2,
    "library.trash_retention_days": 30,
  };
}

/** Reads rows as they were stored, perhaps by another version: what is unknown or out of bounds counts as not changed. */
export function parseSettings(rows: { name: string; value: unknown }[]): Partial<SettingValues> {
  const isSetting = ({ name, value }: { name: string; value: unknown }) =>
    Object.hasOwn(settingSchemas, name) && Value.Check(settingSchemas[name as SettingName], value);
  return Object.fromEntries(rows.filter(isSetting).map(({ name, value }) => [name, value]));
}
