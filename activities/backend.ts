import { log } from "@temporalio/activity";
import { ProviderError } from "#errors";
import { saveBackendState } from "#db/queries/backend-state";
import { versionWarning } from "./adapters/invokeai/versions";
import type { ActivityDeps } from "./deps";
import { withHeartbeat } from "./heartbeat";
import { readModels } from "./models";

/** The InvokeAI at INVOKEAI_LOCAL_URL. */
const local = "local";

type BackendView = { backend: string; ready: boolean; reason: string };

/** Looks at InvokeAI and keeps what it saw. */
export function createBackendActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  /** The version that the log has told of. */
  let warnedOf: string | undefined;

  async function look(): Promise<BackendView> {
    const client = await deps.invokeai(local);
    try {
      const apiVersion = await client.getVersion();
      const queue = await client.getQueueStatus();
      const warning = versionWarning(apiVersion);
      if (warning !== null && warnedOf !== apiVersion) {
        warnedOf = apiVersion;
        log.warn(warning, { apiVersion });
      }
      const state = {
        connected: true,
        apiVersion,
        queuePending: queue.pending,
        queueInProgress: queue.inProgress,
        lastError: warning,
      };
      await saveBackendState(db, { ref: local, state, now: deps.now() });
      return { backend: local, ready: true, reason: `InvokeAI ${apiVersion} is ready.` };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const isLocked = error.fault === "locked";
      const lastError = isLocked
        ? error.message
        : "InvokeAI does not answer at its address; start it, or set INVOKEAI_LOCAL_URL.";
      const state = {
        connected: false,
        apiVersion: null,
        queuePending: null,
        queueInProgress: null,
        lastError,
      };
      await saveBackendState(db, { ref: local, state, now: deps.now() });
      return {
        backend: local,
        ready: false,
        reason: isLocked
          ? error.message
          : "InvokeAI does not answer; it is looked for again and again.",
      };
    }
  }

  return {
    checkBackend: (_input: object): Promise<BackendView> => withHeartbeat(look),

    syncModels: (_input: object): Promise<{ modelsCount: number }> =>
      withHeartbeat(() => readModels(deps, local)),
  };
}
