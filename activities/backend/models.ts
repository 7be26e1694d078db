import { log } from "@temporalio/activity";
import { modelListOf } from "#db/queries/models/installs";
import { findModelsSyncedAt } from "#db/queries/models/models";
import { resolveModels } from "#db/queries/models/model-lookup";
import { type SeenModel, syncModels } from "#db/queries/models/model-sync";
import { saveStarterList } from "#db/queries/models/starters";
import type { Step } from "#db/schema/steps";
import { ProviderError } from "#errors";
import { sha256Of } from "#sha256";
import { factsOf } from "../adapters/invokeai/bases";
import { defaultsOf, isSupported } from "../adapters/invokeai/graphs/index";
import type { InvokeAiModel } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { modelsOfStep } from "../generation/step-graph";
import { readRecipeSources } from "./read-recipe-sources";

type Deps = Pick<ActivityDeps, "database" | "invokeai" | "now">;

/**
 * Updates the table of models from this backend, and what comes with them.
 * @returns how many it has. `isPartial`: what comes with them could not be read, and should be read again soon
 */
export async function readModels(
  deps: Deps,
  backend: string,
  signal?: AbortSignal,
): Promise<{ modelsCount: number; isPartial?: true }> {
  const { db } = deps.database;
  for (;;) {
    const found = await findModelsSyncedAt(db, backend);
    const invokeai = await deps.invokeai(backend);
    const listed = await invokeai.listModels(signal);
    const seen = listed.map(toRow).toSorted((a, b) => (a.key < b.key ? -1 : 1));
    // Of the rows, not the answer: rows also depend on this program's facts about bases.
    const digest = sha256Of(JSON.stringify(seen));
    const isWritten = await syncModels(db, { backend, seen, digest, found, now: deps.now() });
    if (!isWritten) continue;
    const hasStarters = await readStarters(deps, backend, signal);
    const hasSources = await readRecipeSources(deps, backend, signal);
    const isPartial = !(hasStarters && hasSources);
    return { modelsCount: seen.length, ...(isPartial && { isPartial }) };
  }
}

/** What InvokeAI offers to install is worth less than the models: a failure keeps the last list, and is false. */
async function readStarters(deps: Deps, backend: string, signal?: AbortSignal): Promise<boolean> {
  const readAt = deps.now();
  const place = modelListOf(backend);
  try {
    const starters = await (await deps.invokeai(backend)).listStarters(signal);
    await saveStarterList(deps.database.db, { place, ...starters, readAt });
    return true;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    log.warn("starter models not read", { place, fault: error.fault, status: error.status });
    return error.fault === "missing";
  }
}

/**
 * Reads the models again when InvokeAI does not know the key of one of the step's models: the list may be an hour old, and
 * the same weights may have another key by now.
 */
export async function ensureModelsOf(
  deps: Deps,
  params: { step: Step; backend: string },
  signal: AbortSignal,
): Promise<void> {
  const { step, backend } = params;
  const models = await resolveModels(deps.database.db, modelsOfStep(step), backend);
  const invokeai = await deps.invokeai(backend);
  const known = await Promise.all(
    [...models.values()].map(({ key }) => invokeai.hasModel(key, signal)),
  );
  if (known.includes(false)) await readModels(deps, backend, signal);
}

function toRow(model: InvokeAiModel): SeenModel {
  const { key, hash, name, type, base, format, variant, description } = model;
  const accepts = isSupported(model) ? (factsOf(model)?.accepts ?? null) : null;
  const defaults = defaultsOf(model) ?? null;
  return { key, hash, name, type, base, format, variant, description, defaults, accepts };
}
