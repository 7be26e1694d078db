import { changeInstall, endInstall } from "#db/queries/models/installs";
import type { ModelInstall } from "#db/schema/model-installs";
import { isSameSource, type ModelSource, parseModelSource } from "#model-sources";
import type { InstallJob } from "../adapters/invokeai/install-wire";
import { readModels } from "../backend/models";
import type { ActivityDeps } from "../deps";
import { inDoubtUntil } from "../generation/send-once";
import { describeJobFailure, describeProgress } from "./install-words";
import type { Installer } from "./installer";

/** What one step of an install reads. */
export type InstallStep = {
  deps: ActivityDeps;
  row: ModelInstall;
  installer: Installer;
  source: ModelSource;
  /** See inDoubtUntil. */
  graceMs: number;
  signal: AbortSignal;
};

/** Whether an install was sent whose job is not known and may still appear. */
export function isInDoubt({ deps, row, graceMs }: InstallStep): boolean {
  if (row.sentAt === null || row.jobId !== null) return false;
  return deps.now() < inDoubtUntil(deps, { posted: row.sentAt, graceMs });
}

/** The key of the model that InvokeAI has of a source; undefined: none. */
export async function findInstalledKey(
  { invokeai }: Installer,
  source: ModelSource,
  signal: AbortSignal,
): Promise<string | undefined> {
  const models = await invokeai.listInstalledSources(signal);
  return models.findLast((model) => {
    const from = parseModelSource(model.source);
    return from !== undefined && isSameSource(from, source);
  })?.key;
}

/** Records how far the job of an install is. */
export async function followJob(step: InstallStep): Promise<void> {
  const { row, installer, source, signal } = step;
  const known = { id: row.jobId!, source };
  const job = await installer.invokeai.findInstall(known, signal);
  return job === undefined ? findJobAgain(step) : recordJob(step, job);
}

/** Cancels what an install has at InvokeAI, or may have. */
export async function cancelJob(step: InstallStep): Promise<void> {
  const { row, installer, source, signal } = step;
  const { invokeai } = installer;
  const known =
    row.jobId === null ? undefined : await invokeai.findInstall({ id: row.jobId, source }, signal);
  if (known?.state === "completed") return recordJob(step, known);
  const job = known?.state === "open" ? known : await invokeai.findOpenInstall(source, signal);
  if (job) await invokeai.cancelInstall(job.id, signal);
  else if (isInDoubt(step)) return;
  await end(step, { status: "cancelled" });
}

/** A server that was restarted has forgotten its jobs, and takes up under other ids those that had not ended. */
async function findJobAgain(step: InstallStep): Promise<void> {
  const { deps, row, installer, source, signal } = step;
  const { db } = deps.database;
  const job = await installer.invokeai.findOpenInstall(source, signal);
  if (job) {
    await changeInstall(db, { seen: row, set: { jobId: job.id } });
    return;
  }
  const key = await findInstalledKey(installer, source, signal);
  if (key !== undefined) return complete(step, key);
  // As after a lost answer: the job is looked for, before the install is sent again.
  await changeInstall(db, {
    seen: row,
    set: {
      jobId: null,
      sentAt: deps.now(),
      message: "InvokeAI was restarted; waiting for it to take up the install.",
    },
  });
}

/** Writes the state of a job into its row. */
export async function recordJob(step: InstallStep, job: InstallJob): Promise<void> {
  const { deps, row, installer, source, signal } = step;
  if (job.state === "completed") {
    const key = job.modelKey ?? (await findInstalledKey(installer, source, signal));
    if (key !== undefined) return complete(step, key);
    return end(step, { status: "failed", error: describeJobFailure(null) });
  }
  if (job.state === "failed") {
    return end(step, { status: "failed", error: describeJobFailure(job.reason) });
  }
  if (job.state === "cancelled") {
    return end(step, { status: "cancelled", error: "It was cancelled in InvokeAI." });
  }
  const { bytes, totalBytes } = job;
  const progress = describeProgress(job);
  const message = progress ? `Downloading: ${progress}.` : "InvokeAI has the install in its queue.";
  const set = { jobId: job.id, bytes, totalBytes, message };
  const isNews = (Object.keys(set) as (keyof typeof set)[]).some((name) => set[name] !== row[name]);
  if (isNews) await changeInstall(deps.database.db, { seen: row, set });
}

/** InvokeAI has the model. Its list is read first: who sees the end of the install also finds the model. */
export async function complete(step: InstallStep, modelKey: string): Promise<void> {
  const { deps, installer, signal } = step;
  const { backend, invokeai } = installer;
  await readModels({ ...deps, invokeai: async () => invokeai }, backend, signal);
  await end(step, { status: "completed", modelKey });
}

async function end(
  { deps, row }: InstallStep,
  ending: Parameters<typeof endInstall>[1]["ending"],
): Promise<void> {
  await endInstall(deps.database.db, { seen: row, ending, now: deps.now() });
}
