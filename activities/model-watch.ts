import { type Client, ScheduleOverlapPolicy } from "@temporalio/client";
import { housekeepingId } from "#workflows/housekeeping/contract";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import type { ActivityDeps } from "./deps";
import { pause } from "./heartbeat";

/** How soon a changed address is noticed. */
const addressCheckMs = 10_000;

/**
 * Has the models read again whenever InvokeAI's socket says, or may have said unheard, that there are new ones, until
 * `signal` ends it. A hint only: the schedule reads them in any case.
 */
export async function watchModels(
  deps: Pick<ActivityDeps, "invokeai" | "temporal">,
  options: {
    backend: string;
    /** How long InvokeAI has to be quiet: models are often installed one after the other. */
    quietMs: number;
    onFault: (error: unknown) => undefined;
    signal: AbortSignal;
  },
): Promise<void> {
  const { backend, quietMs, onFault, signal } = options;
  let heard: { client: InvokeAiClient; end: AbortController } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const refreshSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void refreshModels(deps.temporal).catch(onFault), quietMs);
  };

  while (!signal.aborted) {
    const client = await deps.invokeai(backend).catch(onFault);
    if (client && client !== heard?.client) {
      heard?.end.abort();
      heard = { client, end: new AbortController() };
      client.subscribeModelChanges({ onChange: refreshSoon, signal: heard.end.signal });
    }
    // Ended sooner by the signal, whose reason is no fault.
    await pause(addressCheckMs, signal).catch(() => {});
  }
  clearTimeout(timer);
  heard?.end.abort();
}

/** Has the schedule read the models now: one run more behind a run that may have asked already. */
export async function refreshModels(temporal: Client): Promise<void> {
  const schedule = temporal.schedule.getHandle(housekeepingId("refresh-models"));
  await schedule.trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}
