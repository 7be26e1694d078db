import { continueAsNew, proxyActivities, sleep, workflowInfo } from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import type { StorageMoveInput } from "./contract";
import { maxPagesPerRun } from "./policy";

/**
 * Moves the library to another storage, a page of photos at a time, while it is used; later, when the owner asks for it,
 * deletes the old copy. What is next is decided by the row.
 */
export async function storageMove(input: StorageMoveInput): Promise<void> {
  const { moveId } = input;
  const timings = timingsOf(input);
  // A dead worker, a database that is away. What the owner has to repair is a wait that the activity asks for.
  const { advanceStorageMove } = proxyActivities<Activities>({
    taskQueue: queues.housekeeping,
    startToCloseTimeout: "24 hours",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
  });
  let afterId = input.afterId ?? null;
  for (let pages = 1; ; pages += 1) {
    const { storageSettleMs: settleMs, storageLateMs: lateMs, storageRetryMs: retryMs } = timings;
    const view = await advanceStorageMove({ moveId, afterId, settleMs, lateMs, retryMs });
    showStatus(view.status, view.message);
    if (view.next === "over") return;
    ({ afterId } = view);
    if (typeof view.next === "object") await sleep(view.next.waitMs);
    if (pages >= maxPagesPerRun || workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof storageMove>({ ...input, afterId });
    }
  }
}
