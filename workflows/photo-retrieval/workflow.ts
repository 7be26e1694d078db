import {
  ApplicationFailure,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import { type FailedAttempt, type PhotoRetrievalInput, retryNow } from "./contract";
import { retrievalPauseMs } from "./policy";

/** Fetches a generated image whose first attempt failed, until it is stored or given up. */
export async function photoRetrieval(input: PhotoRetrievalInput): Promise<void> {
  const { photoId } = input;
  const timings = timingsOf(input);
  // A failed download is a result, counted in the row. Retried here: a dead worker, an unreachable database. A day: the
  // download has its own time-outs, but an attempt may have to wait for others of the same worker.
  const { retrieveImage } = proxyActivities<Activities>({
    taskQueue: queues.images,
    startToCloseTimeout: "1 day",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
  });

  let asked = false;
  let signals = 0;
  setHandler(retryNow, () => {
    signals++;
    asked = true;
  });

  if (input.after) await pauseAfter(input.after);
  for (;;) {
    asked = false;
    showStatus("retrieving", "Fetching the image from InvokeAI.");
    const result = await retrieveImage({ photoId });
    if (result.state === "completed" || result.state === "nothing to do") {
      showStatus("completed", "The image is here.");
      return;
    }
    if (result.state === "given up" && !asked) {
      showStatus("failed", `Given up after ${result.attempts} attempts: ${result.reason}`);
      throw ApplicationFailure.nonRetryable(result.reason, "invokeai_retrieval_error");
    }
    await pauseAfter(result);
    // The row counts the attempts.
    if (workflowInfo().continueAsNewSuggested || signals >= timings.maxSignalsPerRun) {
      const { after: _, ...again } = input;
      await continueAsNew<typeof photoRetrieval>(again);
    }
  }

  async function pauseAfter({ attempts, reason, delayMs }: FailedAttempt): Promise<void> {
    const pauseMs = retrievalPauseMs(attempts, {
      ...timings,
      ...(delayMs !== undefined && { retrievalDelayMs: delayMs }),
    });
    const seconds = Math.ceil(pauseMs / 1_000);
    showStatus("waiting", `Attempt ${attempts} failed: ${reason} Next one in ${seconds} s.`);
    await condition(() => asked, pauseMs);
  }
}
