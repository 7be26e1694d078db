import {
  ApplicationFailure,
  ActivityFailure,
  CancellationScope,
  continueAsNew,
  proxyActivities,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { timingsOf } from "../timings";
import type { PhotoImportInput } from "./contract";
import { maxSlicesPerRun, describeTally } from "./policy";

// Rows only: retried until the database answers, however long that takes.
const { beginImport, endImport } = proxyActivities<Activities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
});

/**
 * Imports a folder on the server into the library, a slice at a time. Cancelled by its row, which is read after each
 * file. A watched folder is followed until then, by one activity an hour; what it has taken is in rows.
 */
export async function photoImport(input: PhotoImportInput): Promise<void> {
  const { importId } = input;
  try {
    const begun = await beginImport({ importId });
    if (begun.state === "ended") return;
    // Retried here: a dead worker, a full disk, an unreachable database. A bad file is an entry in the import's errors.
    const { countImportFiles, importSlice, watchFolder } = proxyActivities<Activities>({
      taskQueue: begun.queue,
      startToCloseTimeout: "2 hours",
      heartbeatTimeout: timingsOf(input).heartbeatMs,
      retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
    });
    if (begun.watches) {
      showStatus("watching", "Takes each file of the folder once it has stopped changing.");
      const { watchPatienceMs: patienceMs } = timingsOf(input);
      const { isEnded, tally } = await watchFolder({ importId, patienceMs });
      if (!isEnded) await continueAsNew<typeof photoImport>(input);
      await endImport({ importId, status: "cancelled", error: null });
      return showStatus("cancelled", describeTally(tally));
    }
    if (begun.isNew) {
      showStatus("counting", "Counting the files of the folder.");
      await countImportFiles({ importId });
    }
    for (let slices = 0; ; slices += 1) {
      if (slices === maxSlicesPerRun || workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof photoImport>(input);
      }
      const { state, tally } = await importSlice({ importId });
      if (state === "more") {
        showStatus("importing", describeTally(tally));
        continue;
      }
      await endImport({ importId, status: state, error: null });
      showStatus(state, describeTally(tally));
      return;
    }
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    await CancellationScope.nonCancellable(() =>
      endImport({ importId, status: "failed", error: reason }),
    );
    showStatus("failed", reason);
    throw error;
  }
}

/** Why an activity failed permanently; undefined when the error is not an activity's. */
function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof ActivityFailure)) return undefined;
  return error.cause instanceof ApplicationFailure
    ? error.cause.message
    : "The import was ended from outside.";
}
