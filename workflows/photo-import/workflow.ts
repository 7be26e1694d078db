import {
  ApplicationFailure,
  ActivityFailure,
  CancellationScope,
  continueAsNew,
  proxyActivities,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { present } from "../lib/present";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import type { PhotoImportInput } from "./contract";
import { slicesARun, tellTally } from "./policy";

// Rows only: repeated until the database answers, however long it is away.
const { beginImport, endImport } = proxyActivities<Activities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
});

/** Takes a folder on the server into the library, a slice at a time. Cancelled by its row, which every file looks at. */
export async function photoImport(input: PhotoImportInput): Promise<void> {
  const { importId } = input;
  // What is retried here is a worker that died, a full disk or a database that is away; a bad file is an entry in the list.
  const { countImportFiles, importSlice } = proxyActivities<Activities>({
    taskQueue: queues.images,
    startToCloseTimeout: "2 hours",
    heartbeatTimeout: timingsOf(input).heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
  });

  try {
    const begun = await beginImport({ importId });
    if (begun.state === "ended") return;
    if (begun.isNew) {
      present("counting", "Looking through the folder.");
      await countImportFiles({ importId });
    }
    for (let slices = 0; ; slices += 1) {
      if (slices === slicesARun || workflowInfo().continueAsNewSuggested) {
        await continueAsNew<typeof photoImport>(input);
      }
      const { state, tally } = await importSlice({ importId });
      if (state === "more") {
        present("importing", tellTally(tally));
        continue;
      }
      await endImport({ importId, status: state, error: null });
      present(state, tellTally(tally));
      return;
    }
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    await CancellationScope.nonCancellable(() =>
      endImport({ importId, status: "failed", error: reason }),
    );
    present("failed", reason);
    throw error;
  }
}

/** Why an activity gave up; undefined for everything that is not its word. */
function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof ActivityFailure)) return undefined;
  return error.cause instanceof ApplicationFailure
    ? error.cause.message
    : "The import was ended from outside.";
}
