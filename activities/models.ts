import { createHash } from "node:crypto";
import { findBackend } from "#db/queries/backends";
import { resolveModels } from "#db/queries/model-lookup";
import { type SeenModel, syncModels } from "#db/queries/model-sync";
import type { Step } from "#db/schema/steps";
import { factsOf } from "./adapters/invokeai/bases";
import { defaultsOf, isSupported } from "./adapters/invokeai/graphs/index";
import type { InvokeAiModel } from "./adapters/invokeai/types";
import type { ActivityDeps } from "./deps";
import { modelsOfStep } from "./step-graph";

type Deps = Pick<ActivityDeps, "database" | "invokeai" | "now">;

/** Brings the table of models in step with the InvokeAI of this name; returns how many it has. */
export async function readModels(
  deps: Deps,
  backend: string,
  signal?: AbortSignal,
): Promise<{ modelsCount: number }> {
  const { db } = deps.database;
  for (;;) {
    const found = (await findBackend(db, backend))?.modelsSyncedAt ?? null;
    const invokeai = await deps.invokeai(backend);
    const listed = await invokeai.listModels(signal);
    const seen = listed.map(toRow).toSorted((a, b) => (a.key < b.key ? -1 : 1));
    // Of the rows and not of the answer: it also changes with what this program knows of a base.
    const digest = createHash("sha256").update(JSON.stringify(seen)).digest("hex");
    const isWritten = await syncModels(db, { backend, seen, digest, found, now: deps.now() });
    if (isWritten) return { modelsCount: seen.length };
  }
}

/**
 * Reads the models again when InvokeAI no longer knows one of a step's by its key: the list may be as old as an hour, and
 * the same weights be there under another key by now.
 */
export async function ensureModelsOf(
  deps: Deps,
  params: { step: Step; backend: string },
  signal: AbortSignal,
): Promise<void> {
  const models = await resolveModels(deps.database.db, modelsOfStep(params.step));
  const invokeai = await deps.invokeai(params.backend);
  const known = await Promise.all(
    [...models.values()].map(({ key }) => invokeai.hasModel(key, signal)),
  );
  if (known.includes(false)) await readModels(deps, params.backend, signal);
}

function toRow(model: InvokeAiModel): SeenModel {
  const { key, hash, name, type, base, format, variant, description } = model;
  const accepts = isSupported(model) ? (factsOf(model)?.accepts ?? null) : null;
  const defaults = defaultsOf(model) ?? null;
  return { key, hash, name, type, base, format, variant, description, defaults, accepts };
}
