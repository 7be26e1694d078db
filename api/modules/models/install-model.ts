import { type Static, t } from "elysia";
import {
  type ModelInstall,
  modelInstallStatuses,
  type StarterList,
} from "#db/schema/model-installs";
import { oneOf } from "../../fields/one-of";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const bytes = t.Integer({ minimum: 0 });

export const installParams = t.Object({ id: uuid });

export const installBody = t.Object(
  {
    source: t.String({
      minLength: 1,
      maxLength: 1_000,
      description:
        "What InvokeAI's installer takes: a repository of Hugging Face, a part of one (`owner/name::folder`), or the address of a file. It is stored and shown: never with a password or token",
      examples: ["RunDiffusion/Juggernaut-XL-v9"],
    }),
  },
  { additionalProperties: false },
);

export const installSchema = t.Object(
  {
    id: uuid,
    source: t.String(),
    place: t.String({
      description:
        "Where the model goes: `local`, `volume:<id>`, or `remote` for a pod without a volume",
    }),
    status: oneOf(modelInstallStatuses),
    bytes,
    total_bytes: t.Optional(bytes),
    progress: t.Optional(t.Number({ minimum: 0, maximum: 1, description: "Of the download" })),
    progress_message: t.Optional(
      t.String({ description: "What the install waits for, or does now" }),
    ),
    job_id: t.Optional(t.Integer({ description: "InvokeAI's id of its job" })),
    model_key: t.Optional(t.String({ description: "The key of the installed model" })),
    error: t.Optional(t.String({ description: "Why it failed, and what to do" })),
    workflow_url: t.Optional(t.String()),
    created_at: moment,
    started_at: t.Optional(moment),
    completed_at: t.Optional(moment),
  },
  { title: "ModelInstall" },
);

const starterSchema = t.Object(
  {
    name: t.String(),
    source: t.String({ description: "For `POST /models/install`" }),
    base: t.String(),
    type: t.String(),
    description: t.String(),
    is_installed: t.Boolean(),
    dependencies: t.Array(t.String(), {
      description: "Sources of further models without which it does not work",
    }),
  },
  { title: "StarterModel" },
);

export const startersSchema = t.Object(
  {
    models: t.Array(starterSchema),
    bundles: t.Array(t.Object({ name: t.String(), sources: t.Array(t.String()) }), {
      description: "Models that together are enough for a base",
    }),
    last_updated: t.Nullable(moment),
  },
  { title: "StarterModels" },
);

export function installToWire(
  row: ModelInstall,
  workflowUrl: string | undefined,
): Static<typeof installSchema> {
  const { totalBytes, jobId, modelKey, error } = row;
  const isOpen = row.completedAt === null;
  const message = row.message ?? "Waiting for the worker.";
  return {
    id: row.id,
    source: row.source,
    place: row.place,
    status: row.status,
    bytes: row.bytes,
    ...(totalBytes !== null && {
      total_bytes: totalBytes,
      progress: Math.min(row.bytes / totalBytes, 1),
    }),
    ...(isOpen && { progress_message: message }),
    ...(jobId !== null && { job_id: jobId }),
    ...(modelKey !== null && { model_key: modelKey }),
    ...(error !== null && { error }),
    ...(workflowUrl !== undefined && { workflow_url: workflowUrl }),
    created_at: row.createdAt.toISOString(),
    ...(row.startedAt && { started_at: row.startedAt.toISOString() }),
    ...(row.completedAt && { completed_at: row.completedAt.toISOString() }),
  };
}

export function startersToWire(list: StarterList | undefined): Static<typeof startersSchema> {
  return {
    models: (list?.models ?? []).map(({ isInstalled, ...model }) => ({
      name: model.name,
      source: model.source,
      base: model.base,
      type: model.type,
      description: model.description,
      is_installed: isInstalled,
      dependencies: model.dependencies,
    })),
    bundles: (list?.bundles ?? []).map(({ name, sources }) => ({ name, sources })),
    last_updated: list?.readAt.toISOString() ?? null,
  };
}
