import { findNewestInstall, modelListOf } from "#db/queries/models/installs";
import { requestInstall } from "#db/queries/models/install-requests";
import type { ModelInstall } from "#db/schema/model-installs";
import type { PodSession } from "#db/schema/pod-sessions";
import { isSameSource, parseModelSource } from "#model-sources";
import { modelInstallRun } from "#workflows/model-install/contract";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { ActivityDeps } from "../deps";
import { startRun } from "../signal-run";
import { describeProgress } from "./install-words";

/** How far the models are that a pod must have. `failed`: their sources, with the reasons. */
export type Provisioned = { isDone: true; failed: string[] } | { isDone: false; message: string };

/**
 * Has the models installed that a pod must have and that its InvokeAI lacks, once for each session; `model-install` runs do the
 * work. One that cannot be installed does not keep the others, nor the pod from being used.
 */
export async function provisionModels(
  deps: Pick<ActivityDeps, "database" | "now" | "newId" | "temporal" | "timings">,
  pod: {
    session: PodSession & { madeAt: Date };
    invokeai: InvokeAiClient;
    sources: readonly string[];
  },
  signal: AbortSignal,
): Promise<Provisioned> {
  const { session, invokeai } = pod;
  const sources = [...new Set(pod.sources)];
  if (sources.length === 0) return { isDone: true, failed: [] };
  const installed = (await invokeai.listInstalledSources(signal)).flatMap(
    ({ source }) => parseModelSource(source) ?? [],
  );
  const failed: string[] = [];
  const running: ModelInstall[] = [];
  for (const source of sources) {
    const parsed = parseModelSource(source);
    if (parsed && installed.some((each) => isSameSource(each, parsed))) continue;
    const install = await ensureInstall(deps, session, source);
    if (install.completedAt === null) running.push(install);
    else if (install.status !== "completed")
      failed.push(`${source} (${install.error ?? "cancelled"})`);
  }
  if (running.length === 0) return { isDone: true, failed };
  return { isDone: false, message: describe(running, sources.length) };
}

/** The install of a source that is open, or was tried on this pod; else a new one. */
async function ensureInstall(
  deps: Parameters<typeof provisionModels>[0],
  session: PodSession & { madeAt: Date },
  source: string,
): Promise<ModelInstall> {
  const { db } = deps.database;
  const place = modelListOf(session.place);
  const known = await findNewestInstall(db, { place, source });
  if (known && (known.completedAt === null || wasTriedOn(session, known))) return known;
  const install = await requestInstall(db, {
    id: deps.newId(),
    place,
    source,
    podSessionId: session.id,
    now: deps.now(),
  });
  // Reconcile starts it if this fails.
  await startRun(deps, modelInstallRun({ installId: install.id, timings: deps.timings }));
  return install;
}

/** An install that a pod before this one had asked for may fail only now. */
function wasTriedOn(
  { id, madeAt }: PodSession & { madeAt: Date },
  { podSessionId, completedAt }: ModelInstall,
): boolean {
  return (podSessionId ?? id) === id && completedAt !== null && completedAt >= madeAt;
}

function describe(running: ModelInstall[], total: number): string {
  const current = running.find(({ bytes }) => bytes > 0) ?? running[0]!;
  const progress = describeProgress(current);
  const done = `${total - running.length} of ${total} done`;
  return `Installing models on the pod, ${done}: ${current.source}${progress ? `, ${progress}` : ""}.`;
}
