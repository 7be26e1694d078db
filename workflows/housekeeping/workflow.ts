import { proxyActivities } from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { count, showStatus } from "../lib/run-status";
import { queues } from "../task-queues";
import type { RefreshModelsResult } from "./contract";

// Limited: a run that cannot finish gives way to the next one of its schedule.
const limited = {
  startToCloseTimeout: "30 minutes",
  heartbeatTimeout: "1 minute",
  retry: { maximumAttempts: 3 },
} as const;
// Rows only, and needed by all others.
const { reconcileRows } = proxyActivities<Activities>(limited);
const { reapPods: endOrphanedPods } = proxyActivities<Activities>({
  ...limited,
  taskQueue: queues.generation,
});
const activities = proxyActivities<Activities>({ ...limited, taskQueue: queues.housekeeping });

// A person waits for the answer: one retry, then the reason.
const { syncModels } = proxyActivities<Activities>({
  taskQueue: queues.generation,
  startToCloseTimeout: "2 minutes",
  retry: { maximumAttempts: 2 },
});

// The API waits for it: the reason of a failure is in the rows, and the next request tries again.
const { readOffers: readCatalogue } = proxyActivities<Activities>({
  taskQueue: queues.generation,
  startToCloseTimeout: "20 seconds",
  retry: { maximumAttempts: 1 },
});

// Reads and writes the whole library: hours on a slow disk. A second try after a killed worker; the next night brings another.
const nightly = proxyActivities<Activities>({
  taskQueue: queues.housekeeping,
  startToCloseTimeout: "20 hours",
  heartbeatTimeout: "1 minute",
  retry: { initialInterval: "1 minute", maximumAttempts: 3 },
});

/** Starts missing runs that rows ask for, and signals open runs that may have missed a signal. */
export async function reconcile(): Promise<void> {
  const done = await reconcileRows({});
  showStatus("completed", `Checked ${done.sessions} sessions and ${done.retrievals} retrievals.`);
}

/** Updates the list of models from InvokeAI, if it runs. */
export async function refreshModels(): Promise<RefreshModelsResult> {
  const result = await syncModels({});
  showStatus(
    "completed",
    "away" in result
      ? `Not read: ${result.away}`
      : `InvokeAI has ${count(result.modelsCount, "model")}.`,
  );
  return result;
}

/** Moves files without a row to quarantine. */
export async function sweepFiles(): Promise<void> {
  const report = await activities.sweepStorage({});
  showStatus("completed", report.summary);
}

/** Permanently deletes photos whose time in the trash is over, and finishes deletions that a crash interrupted. */
export async function purgeTrash(): Promise<void> {
  const done = await activities.purgeTrash({});
  showStatus(
    "completed",
    `Purged ${count(done.photos, "photo")} and ${count(done.nodes, "lineage node")} without a picture.`,
  );
}

/** Deletes expired idempotency keys and events. */
export async function expireRecords(): Promise<void> {
  const dropped = await activities.dropExpired({});
  showStatus("completed", `Deleted ${dropped.keys} idempotency keys and ${dropped.events} events.`);
}

/** Ends pods of this installation that no session owns, and replaces estimated costs by what was billed. */
export async function reapPods(): Promise<void> {
  const done = await endOrphanedPods({});
  const found =
    done === null ? "No key to rent with." : `Ended ${count(done.orphans, "orphaned pod")}.`;
  showStatus("completed", found);
}

/** Stores which GPUs can be rented, with price and stock. Rents nothing. */
export async function readOffers(): Promise<void> {
  const { offers } = await readCatalogue({});
  showStatus(
    "completed",
    offers === null ? "The catalogue was not read." : `RunPod has ${count(offers, "GPU type")}.`,
  );
}

/** Copies database and originals to the folder of backups, and deletes the oldest backups. */
export async function backUp(): Promise<void> {
  const backup = await nightly.backUpLibrary({});
  showStatus("completed", backup === null ? "BACKUP_TO is not set." : describe(backup));
}

function describe({
  name,
  originals,
  missing,
}: {
  name: string;
  originals: number;
  missing: number;
}): string {
  const lost = missing === 0 ? "" : ` ${count(missing, "photo")} had no intact original.`;
  return `Backup ${name} has ${count(originals, "original")}.${lost}`;
}

/** Compares the originals that were not compared for the longest time with their hashes. */
export async function verifyOriginals(): Promise<void> {
  const { checked, faulty } = await nightly.verifyOriginals({});
  showStatus("completed", `Compared ${count(checked, "original")}: ${faulty} lost or damaged.`);
}
