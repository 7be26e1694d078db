import { log } from "@temporalio/activity";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { ProviderError } from "#errors";
import type { RefreshModelsResult } from "#workflows/housekeeping/contract";
import { type BackendView, probeBackend } from "./backend-probe";
import type { ActivityDeps } from "../deps";
import { withHeartbeat } from "../heartbeat";
import { readModels } from "./models";

/** Checks the state of the place in force, and reads its models. Neither rents anything. */
export function createBackendActivities(deps: ActivityDeps) {
  /** The version that was logged last. */
  let warnedOf: string | null = null;

  const findPlace = async () => (await getPlaceInForce(deps.database.db)).ref;

  async function check(): Promise<BackendView> {
    const { view, state } = await probeBackend(deps, await findPlace());
    const { apiVersion, lastError: warning } = state;
    if (view.ready && warning !== null && warnedOf !== apiVersion) {
      warnedOf = apiVersion;
      log.warn(warning, { apiVersion });
    }
    return view;
  }

  return {
    checkBackend: (_input: object): Promise<BackendView> => withHeartbeat(check),

    /** `backend`: default, the place in force. */
    syncModels: (input: { backend?: string }): Promise<RefreshModelsResult> =>
      withHeartbeat(async () => {
        try {
          return await readModels(deps, input.backend ?? (await findPlace()));
        } catch (error) {
          if (error instanceof ProviderError && (error.fault === "away" || error.fault === "gone"))
            return { away: error.message };
          throw error;
        }
      }),
  };
}
