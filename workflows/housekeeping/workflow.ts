import { proxyActivities } from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { count, present } from "../lib/present";
import type { RefreshModelsResult } from "./contract";

// Each is started again by its schedule: a run that cannot finish in its time makes room for the next.
const activities = proxyActivities<Activities>({
  startToCloseTimeout: "30 minutes",
  heartbeatTimeout: "1 minute",
  retry: { maximumAttempts: 3 },
});

// A person waits for the answer: one more try, then the reason.
const { syncModels } = proxyActivities<Activities>({
  startToCloseTimeout: "2 minutes",
  retry: { maximumAttempts: 2 },
});

/** Starts again what the rows say must run, and tells open runs what they may have missed. */
export async function reconcile(): Promise<void> {
  const done = await activities.reconcileRows({});
  present("completed", `Looked after ${done.sessions} sessions and ${done.retrievals} retrievals.`);
}

/** Brings the list of models in step with InvokeAI. */
export async function refreshModels(): Promise<RefreshModelsResult> {
  const result = await syncModels({});
  present("completed", `InvokeAI has ${result.modelsCount} models.`);
  return result;
}

/** Puts files that nobody owns into quarantine. */
export async function sweepFiles(): Promise<void> {
  const report = await activities.sweepStorage({});
  present("completed", report.summary);
}

/** Deletes for good what has lain in the trash long enough, and finishes what a crash cut off. */
export async function purgeTrash(): Promise<void> {
  const done = await activities.purgeTrash({});
  present(
    "completed",
    `Purged ${count(done.photos, "photo")}; ${count(done.nodes, "node")} without a picture went with its lineage.`,
  );
}

/** Drops idempotency keys and events that have had their time. */
export async function expireRecords(): Promise<void> {
  const dropped = await activities.dropExpired({});
  present("completed", `Dropped ${dropped.keys} idempotency keys and ${dropped.events} events.`);
}
