import { findLivePodSession } from "#db/queries/pods/sessions";
import { modelListOf } from "#db/queries/models/installs";
import { localPlace } from "#db/schema/backends";
import { ProviderError } from "#errors";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { ActivityDeps } from "../deps";

/** The InvokeAI that installs for a place. `backend` names it: a pod without a volume by its own name. */
export type Installer = { backend: string; invokeai: InvokeAiClient };

/**
 * Where installs of a place run now: on a rented pod from the time that InvokeAI answers there until it is about to end.
 * @throws ProviderError `away`, with what it waits for
 */
export async function findInstaller(
  deps: Pick<ActivityDeps, "database" | "invokeai">,
  place: string,
): Promise<Installer> {
  if (place === localPlace) return { backend: place, invokeai: await deps.invokeai(place) };
  const live = await findLivePodSession(deps.database.db);
  const isHere = live !== undefined && modelListOf(live.place) === place;
  const backend = isHere ? live.place : place;
  const invokeai = await deps.invokeai(backend);
  if (isHere && live.status === "draining") {
    throw new ProviderError({
      provider: "invokeai",
      fault: "away",
      message: live.phaseMessage ?? "The rented GPU is about to end.",
      retryable: true,
    });
  }
  return { backend, invokeai };
}
