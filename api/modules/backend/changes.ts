import { changeBackendSettings } from "#db/queries/pods/mode";
import type { SettingValues } from "#db/settings";
import { AppError, conflict } from "#errors";
import type { ApiDeps } from "../../deps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now">;

/**
 * Stores settings, all or none; those of the backend take effect at once.
 * @throws AppError conflict when the mode would change while something runs; pod_error for the mode `remote` without a key
 */
export async function applySettings(deps: Deps, change: Partial<SettingValues>): Promise<void> {
  if (change["backend.mode"] === "remote") requireKey(deps);
  const { isChanged, running } = await changeBackendSettings(deps.database.db, {
    change,
    defaults: deps.config,
    now: deps.now(),
  });
  if (!isChanged) {
    const what =
      running === 1 ? "A step or reproduction is" : `${running} steps or reproductions are`;
    throw conflict(
      `${what} running; wait for the end or cancel, then change the mode. Nothing was changed.`,
    );
  }
  if (Object.keys(change).some((name) => name.startsWith("backend."))) {
    await deps.temporal.backendChanged();
  }
  if ((change["backend.mirror"] ?? "off") !== "off") await deps.temporal.mirrorWanted();
}

/** @throws AppError pod_error */
export function requireKey({ config }: Pick<ApiDeps, "config">): void {
  if (config.pods.canRent) return;
  throw podError(
    "No GPU can be rented without RUNPOD_API_KEY; set it and restart. Nothing was changed.",
  );
}

export function podError(message: string): AppError {
  return new AppError({ kind: "conflict", code: "pod_error", message });
}
