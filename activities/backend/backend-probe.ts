import { ProviderError } from "#errors";
import { countImagesInFlight } from "#db/queries/steps/attempts";
import { type BackendState, saveBackendState } from "#db/queries/backends/backend-state";
import { localPlace } from "#db/schema/backends";
import { invokeaiBackendId, lookAgain } from "#workflows/invokeai-backend/contract";
import { versionWarning } from "../adapters/invokeai/versions";
import type { ActivityDeps } from "../deps";
import { signalRun } from "../signal-run";
import { otherProgramReason, pausedReason } from "../generation/wait-reasons";

type Deps = Pick<ActivityDeps, "database" | "invokeai" | "now" | "temporal">;

export type BackendView = {
  backend: string;
  ready: boolean;
  reason: string;
};

type Probe = {
  view: BackendView;
  state: BackendState;
  /** Another program answers at InvokeAI's address. */
  isOtherProgram: boolean;
};

/** Asks InvokeAI for its state and stores the answer, which `GET /backend/status` shows. */
export async function probeBackend(
  deps: Deps,
  backend: string,
): Promise<Probe & { hasChanged: boolean }> {
  const probe = await ask(deps, backend).catch((error: unknown) => {
    if (error instanceof ProviderError) return describeFault(backend, error);
    throw error;
  });
  const { db } = deps.database;
  const stored = await saveBackendState(db, { ref: backend, state: probe.state, now: deps.now() });
  return { ...probe, ...stored };
}

/** The same for an activity whose call failed, or succeeded again: a changed state is signalled to `invokeai-backend`. */
export async function refreshBackend(deps: Deps, backend: string): Promise<Probe> {
  const probe = await probeBackend(deps, backend);
  if (probe.hasChanged) await signalRun(deps, invokeaiBackendId, (run) => run.signal(lookAgain));
  return probe;
}

async function ask(deps: Deps, backend: string): Promise<Probe> {
  const { db } = deps.database;
  const client = await deps.invokeai(backend);
  const apiVersion = await client.getVersion();
  // Our batches may start or end during the call: counting before and after never attributes one of ours to another
  // client.
  const before = await countImagesInFlight(db, backend);
  const { pending, inProgress, isProcessorRunning } = await client.getQueueStatus();
  const own = Math.max(before, await countImagesInFlight(db, backend));
  const state = {
    connected: true,
    apiVersion,
    queuePending: pending,
    queueInProgress: inProgress,
    queuePaused: !isProcessorRunning,
    queueOthers: Math.max(pending + inProgress - own, 0),
    waitReason: isProcessorRunning ? null : pausedReason,
    lastError: versionWarning(apiVersion),
  };
  const reason = isProcessorRunning ? `InvokeAI ${apiVersion} is ready.` : pausedReason;
  const view = { backend, ready: true, reason };
  return { view, state, isOtherProgram: false };
}

function describeFault(backend: string, error: ProviderError): Probe {
  const isOtherProgram = isAnswerOfAnother(error);
  const otherProgram = isOtherProgram ? otherProgramReason(backend) : undefined;
  const known = otherProgram ?? (saysWhatToDo(error) ? error.message : undefined);
  const reason = known ?? "InvokeAI does not answer; the check is repeated until it does.";
  const hint = "InvokeAI does not answer at its address; start it, or set INVOKEAI_LOCAL_URL.";
  const state = {
    connected: false,
    apiVersion: null,
    queuePending: null,
    queueInProgress: null,
    queuePaused: false,
    queueOthers: 0,
    waitReason: reason,
    lastError: known ?? (backend === localPlace ? hint : reason),
  };
  return { view: { backend, ready: false, reason }, state, isOtherProgram };
}

function saysWhatToDo({ fault }: ProviderError): boolean {
  return fault === "locked" || fault === "away" || fault === "gone";
}

/** InvokeAI answers the version request with JSON or a 5xx; a proxy in front of it may answer 401 or 403. */
function isAnswerOfAnother({ fault, status }: ProviderError): boolean {
  if (fault === "missing") return true;
  if (fault === "rejected") return status !== 401 && status !== 403;
  return fault === "broken" && (status ?? 0) < 500;
}
