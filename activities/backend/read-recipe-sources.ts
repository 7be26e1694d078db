import { log } from "@temporalio/activity";
import { modelListOf } from "#db/queries/models/installs";
import {
  findNodeCatalogueAt,
  keepLibraryWorkflows,
  listStoredVersions,
  saveLibraryWorkflow,
  saveNodeCatalogue,
} from "#db/queries/recipes/recipe-sources";
import { ProviderError } from "#errors";
import type { Json } from "#recipes/recipe";
import { isStorableJson } from "#storable-text";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { ActivityDeps } from "../deps";

type Deps = Pick<ActivityDeps, "database" | "invokeai" | "now">;

/** An extension can be installed without a new version. */
const catalogueKeptMs = 24 * 60 * 60 * 1_000;
/** The largest workflow that is stored, as text; those of InvokeAI have at most 60 KB. */
const maxWorkflowLength = 1024 * 1024;

/**
 * Reads what recipes are made from: the node types of an InvokeAI, once for each version and once a day, and the workflows
 * of its library that have changed. Worth less than its models: a failure keeps what was read before.
 * @returns whether they were read, as far as this InvokeAI has them
 */
export async function readRecipeSources(
  deps: Deps,
  backend: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const place = modelListOf(backend);
  try {
    const invokeai = await deps.invokeai(backend);
    await readNodeTypes(deps, { place, invokeai }, signal);
    await readLibrary(deps, { place, invokeai }, signal);
    return true;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    log.warn("workflows not read", { place, fault: error.fault, status: error.status });
    return error.fault === "missing";
  }
}

type Source = { place: string; invokeai: InvokeAiClient };

async function readNodeTypes(
  { database, now }: Deps,
  { place, invokeai }: Source,
  signal?: AbortSignal,
): Promise<void> {
  const version = await invokeai.getVersion(signal);
  const stored = await findNodeCatalogueAt(database.db, place);
  const isFresh = stored && now().getTime() - stored.readAt.getTime() < catalogueKeptMs;
  if (isFresh && stored.version === version) return;
  const nodes = await invokeai.readNodeTypes(signal);
  await saveNodeCatalogue(database.db, { place, version, nodes, readAt: now() });
}

async function readLibrary(
  { database }: Deps,
  { place, invokeai }: Source,
  signal?: AbortSignal,
): Promise<void> {
  const { db } = database;
  const listed = await invokeai.listWorkflows(signal);
  const stored = await listStoredVersions(db, place);
  for (const entry of listed) {
    if (stored.get(entry.workflowId) === entry.version) continue;
    const workflow = (await invokeai.getWorkflow(entry.workflowId, signal)) as Json;
    if (JSON.stringify(workflow).length > maxWorkflowLength || !isStorableJson(workflow)) continue;
    await saveLibraryWorkflow(db, { place, ...entry, workflow });
  }
  await keepLibraryWorkflows(db, { place, ids: listed.map(({ workflowId }) => workflowId) });
}
