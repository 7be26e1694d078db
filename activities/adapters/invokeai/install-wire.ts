import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { isSameSource, type ModelSource } from "#model-sources";

/** A job of InvokeAI's installer. Jobs are in the memory of the server; those that a stop cut get another id at the next start. */
export type InstallJob = {
  id: number;
  state: "open" | "completed" | "failed" | "cancelled";
  bytes: number;
  /** null: not known yet. */
  totalBytes: number | null;
  /** The Python class of the error; null where there is none, or it is no such name. */
  reason: string | null;
  /** The key of the installed model. */
  modelKey: string | null;
};

export type Starters = {
  models: {
    name: string;
    source: string;
    base: string;
    type: string;
    description: string;
    isInstalled: boolean;
    dependencies: string[];
  }[];
  bundles: { name: string; sources: string[] }[];
};

const maybe = <T extends Parameters<typeof Type.Optional>[0]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

// `source` may hold an access token: it is compared, and goes nowhere.
export const Job = Type.Object({
  id: Type.Integer(),
  status: Type.String(),
  source: Type.Unknown(),
  bytes: maybe(Type.Number()),
  total_bytes: maybe(Type.Number()),
  error_reason: maybe(Type.String()),
  config_out: maybe(Type.Object({ key: Type.String({ minLength: 1 }) })),
});
export const Jobs = Type.Array(Job);

const JobSource = Type.Union([
  Type.Object({ url: Type.String() }),
  Type.Object({
    repo_id: Type.String(),
    variant: maybe(Type.String()),
    subfolder: maybe(Type.String()),
  }),
]);

export const Installed = Type.Object({ models: Type.Array(Type.Unknown()) });
export const SourcedModel = Type.Object({ key: Type.String(), source: Type.String() });

const starterFields = {
  name: Type.String(),
  source: Type.String({ minLength: 1 }),
  base: Type.String(),
  type: Type.String(),
  description: maybe(Type.String()),
  is_installed: maybe(Type.Boolean()),
};
const Starter = Type.Object({
  ...starterFields,
  dependencies: maybe(Type.Array(Type.Object({ source: Type.String() }))),
});
const Bundle = Type.Object({ name: Type.String(), models: Type.Array(Starter) });
export const StarterAnswer = Type.Object({
  starter_models: Type.Array(Starter),
  starter_bundles: Type.Record(Type.String(), Type.Union([Bundle, Type.Array(Starter)])),
});

export function toJob(job: Static<typeof Job>): InstallJob {
  const { id, status, bytes, total_bytes: total, error_reason: reason, config_out: made } = job;
  return {
    id,
    state: stateOf(status),
    bytes: Math.max(Math.round(bytes ?? 0), 0),
    totalBytes: total != null && total > 0 ? Math.round(total) : null,
    reason: reason != null && /^\w{1,80}$/.test(reason) ? reason : null,
    modelKey: made?.key ?? null,
  };
}

function stateOf(status: string): InstallJob["state"] {
  if (status === "error") return "failed";
  return status === "completed" || status === "cancelled" ? status : "open";
}

/** Whether the job is of this source. */
export function isOf({ source }: Static<typeof Job>, wanted: ModelSource): boolean {
  if (!Value.Check(JobSource, source)) return false;
  const found: ModelSource =
    "url" in source
      ? { kind: "url", url: source.url }
      : {
          kind: "repository",
          repository: source.repo_id,
          variant: source.variant ?? null,
          subfolder: source.subfolder ?? null,
        };
  return isSameSource(found, wanted);
}

export function toStarters(answer: Static<typeof StarterAnswer>): Starters {
  return {
    models: answer.starter_models.map((model) => ({
      name: model.name,
      source: model.source,
      base: model.base,
      type: model.type,
      description: model.description ?? "",
      isInstalled: model.is_installed ?? false,
      dependencies: (model.dependencies ?? []).map(({ source }) => source),
    })),
    bundles: Object.entries(answer.starter_bundles).map(([name, bundle]) => ({
      name,
      sources: ("models" in bundle ? bundle.models : bundle).map(({ source }) => source),
    })),
  };
}
