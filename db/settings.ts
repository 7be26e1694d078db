import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Config } from "#config";
import { schedulers } from "#generation-parameters";
import { findGpuType } from "#gpu-types";

const money = Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 100_000 }), Type.Null()], {
  description: "US dollars; null: no limit",
});
const side = Type.Integer({ minimum: 64, maximum: 4_096, multipleOf: 8 });

/** Every setting with its bounds, by `group.name` as in rows and the API. Secrets are never settings. */
export const settingSchemas = {
  "generation.default_steps": Type.Integer({ minimum: 1, maximum: 500 }),
  "generation.default_cfg_scale": Type.Number({ minimum: 1, maximum: 200 }),
  "generation.default_scheduler": Type.Union(
    schedulers.map((name) => Type.Literal(name)),
    { description: "For a model that does not have it, its own default is used" },
  ),
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
  "generation.allowed_node_types": Type.Array(
    Type.String({ pattern: "^[A-Za-z0-9_.-]{1,100}$", examples: ["esrgan"] }),
    {
      maxItems: 200,
      description:
        "Node types of InvokeAI, beside the plain ones, that a recipe may hold: those of extensions, and those that fetch models from the internet",
    },
  ),
  "backend.mode": Type.Union([Type.Literal("local"), Type.Literal("remote")]),
  "backend.local_url": Type.String({
    pattern: "^https?://[^\\s/@?#]+(?:/[^\\s@?#]*)?$",
    maxLength: 2_048,
    examples: ["http://127.0.0.1:9090"],
    description: "Where InvokeAI answers; without name and password",
  }),
  "backend.board_name": Type.Union([Type.String({ minLength: 1, maxLength: 300 }), Type.Null()], {
    description:
      "The board of InvokeAI's gallery for generated images; it is created if it is missing. null: none",
  }),
  "backend.mirror": Type.Union(
    [
      Type.Literal("off"),
      Type.Literal("all"),
      Type.Object(
        {
          boards: Type.Array(
            Type.String({ minLength: 1, maxLength: 300, pattern: "\\S", examples: ["Windmills"] }),
            { minItems: 1, maxItems: 100 },
          ),
        },
        { additionalProperties: false, description: "The names of boards" },
      ),
    ],
    {
      description:
        "Pictures made in InvokeAI's own page that come into this gallery by themselves: none, all, or those on some boards",
    },
  ),
  "backend.idle_timeout_minutes": Type.Integer({ minimum: 1, maximum: 10_080 }),
  "backend.max_session_hours": Type.Number({ exclusiveMinimum: 0, maximum: 168 }),
  "backend.max_session_cost_usd": money,
  "backend.max_month_cost_usd": money,
  "backend.gpu_types": Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
    minItems: 1,
    maxItems: 20,
    description: "GPU types to rent; of those in stock the first is tried first",
  }),
  "backend.data_centers": Type.Array(
    Type.String({ pattern: "^[A-Z0-9-]{2,20}$", examples: ["EU-RO-1"] }),
    {
      maxItems: 50,
      description: "Where to rent, such as EU-RO-1; empty: anywhere, or where the volume is",
    },
  ),
  "backend.volume_id": Type.Union(
    [Type.String({ pattern: "^[A-Za-z0-9_-]{1,100}$", examples: ["a1b2c3d4e5"] }), Type.Null()],
    {
      description: "Network volume that keeps models and images; null: they end with the pod",
    },
  ),
  "backend.image": Type.String({
    pattern: "^\\S{1,300}$",
    examples: ["ghcr.io/invoke-ai/invokeai:v6.14.2-cuda"],
    description: "Container image of InvokeAI",
  }),
  "backend.disk_gb": Type.Integer({
    minimum: 10,
    maximum: 2_000,
    description: "The pod's own disk, which ends with it",
  }),
  "backend.models": Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
    maxItems: 100,
    description: "Models that a pod must have, as sources of InvokeAI's installer",
  }),
  "retrieval.max_attempts": Type.Integer({ minimum: 1, maximum: 100 }),
  "retrieval.retry_delay_seconds": Type.Number({ minimum: 0.1, maximum: 3_600 }),
  "retrieval.parallel_retrievals": Type.Integer({ minimum: 1, maximum: 16 }),
  "library.trash_retention_days": Type.Integer({ minimum: 1, maximum: 3_650 }),
  "library.read_embedded_texts": Type.Boolean({
    description: "An upload or import without title or tags takes them from the file's XMP or IPTC",
  }),
} satisfies Record<string, TSchema>;

export type SettingName = keyof typeof settingSchemas;
export type SettingValues = { [Name in SettingName]: Static<(typeof settingSchemas)[Name]> };
export const settingNames = Object.keys(settingSchemas) as SettingName[];

/** The part of the config that defaults are read from. */
export type SettingDefaults = Pick<Config, "invokeai" | "limits" | "pods">;

/** The defaults; from the environment for settings that have a variable. */
export function defaultSettings(config: SettingDefaults): SettingValues {
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
    "generation.allowed_node_types": [],
    "backend.mode": "local",
    "backend.local_url": config.invokeai.localUrl,
    "backend.board_name": null,
    "backend.mirror": "off",
    "backend.idle_timeout_minutes": config.pods.idleMinutes,
    "backend.max_session_hours": 8,
    "backend.max_session_cost_usd": 5,
    "backend.max_month_cost_usd": 25,
    "backend.gpu_types": [gpuTypeOf(config.pods.gpuType)],
    "backend.data_centers": [],
    "backend.volume_id": null,
    // 6.14.3 does not show its page, and InvokeAI's `latest` tag is its main branch.
    "backend.image": "ghcr.io/invoke-ai/invokeai:v6.14.2-cuda",
    "backend.disk_gb": 40,
    "backend.models": [],
    "retrieval.max_attempts": config.limits.retrievalMaxAttempts,
    "retrieval.retry_delay_seconds": 5,
    "retrieval.parallel_retrievals": 4,
    "library.trash_retention_days": 30,
    "library.read_embedded_texts": true,
  };
}

/** Parses stored rows, perhaps of another version: unknown names and values out of bounds are ignored. */
export function parseSettings(rows: { name: string; value: unknown }[]): Partial<SettingValues> {
  const isSetting = ({ name, value }: { name: string; value: unknown }) =>
    Object.hasOwn(settingSchemas, name) && Value.Check(settingSchemas[name as SettingName], value);
  return Object.fromEntries(rows.filter(isSetting).map(({ name, value }) => [name, value]));
}

/** The exact id of a GPU type; a name that is not known stays as it is, and the provider's catalogue decides. */
function gpuTypeOf(name: string): string {
  const found = findGpuType(name);
  return "gpuType" in found ? found.gpuType : name;
}
