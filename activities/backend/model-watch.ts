import { type Client, ScheduleOverlapPolicy } from "@temporalio/client";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { ProviderError } from "#errors";
import { housekeepingId } from "#workflows/housekeeping/contract";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { ActivityDeps } from "../deps";
import { pause } from "../heartbeat";

/**
 * Triggers a refresh of the models whenever the socket of the place in force reports a new one, and after each connect, when a report may
 * have been missed; until `signal` aborts. Only a hint: the schedule refreshes them in any case.
 */
export async function watchModels(
  deps: Pick<ActivityDeps, "database" | "invokeai" | "temporal">,
  options: {
    /** Debounce: models are often installed one after the other. */
    quietMs: number;
    /** How soon a changed place or address is noticed. */
    placeCheckMs: number;
    onFault: (error: unknown) => undefined;
    signal: AbortSignal;
  },
): Promise<void> {
  const { quietMs, placeCheckMs, onFault, signal } = options;
  let subscription: { client: InvokeAiClient; end: AbortController } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const refreshSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void refreshModels(deps.temporal).catch(onFault), quietMs);
  };

  while (!signal.aborted) {
    const client = await findClient(deps).catch(onFault);
    if (client !== undefined && client !== subscription?.client) {
      subscription?.end.abort();
      subscription = client === null ? undefined : { client, end: new AbortController() };
      subscription?.client.subscribeModelChanges({
        onChange: refreshSoon,
        signal: subscription.end.signal,
      });
    }
    // An abort ends the pause early and is not an error.
    await pause(placeCheckMs, signal).catch(() => {});
  }
  clearTimeout(timer);
  subscription?.end.abort();
}

/** The client of the place in force; null while it is not running. */
async function findClient(
  deps: Pick<ActivityDeps, "database" | "invokeai">,
): Promise<InvokeAiClient | null> {
  try {
    return await deps.invokeai((await getPlaceInForce(deps.database.db)).ref);
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}

/** Triggers the schedule now. If a run is in progress, one more is queued: that run may have read the list already. */
export async function refreshModels(temporal: Client): Promise<void> {
  const schedule = temporal.schedule.getHandle(housekeepingId("refresh-models"));
  await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}
