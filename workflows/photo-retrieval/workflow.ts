import {
  ApplicationFailure,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setHandler,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { retrievalSettled } from "../generation-step/contract";
import { present } from "../lib/present";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import { type PhotoRetrievalInput, retryNow } from "./contract";
import { retrievalPauseMs } from "./policy";

/** Fetches one generated image, again and again until it is here or given up. */
export async function photoRetrieval(input: PhotoRetrievalInput): Promise<void> {
  const { photoId } = input;
  const timings = timingsOf(input);
  // A failed download is an answer, counted in the row; what is retried here is a worker that died or a database that is away.
  const { retrieveImage } = proxyActivities<Activities>({
    taskQueue: queues.images,
    startToCloseTimeout: "30 minutes",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
  });

  let asked = false;
  setHandler(retryNow, () => void (asked = true));

  for (;;) {
    asked = false;
    present("retrieving", "Fetching the image from InvokeAI.");
    const result = await retrieveImage({ photoId });
    await tellStep();
    if (result.state === "completed" || result.state === "nothing to do") {
      present("completed", "The image is here.");
      return;
    }
    if (result.state === "given up" && !asked) {
      present("failed", `Given up after ${result.attempts} attempts: ${result.reason}`);
      throw ApplicationFailure.nonRetryable(result.reason, "invokeai_retrieval_error");
    }
    const pauseMs = retrievalPauseMs(result.attempts, {
      ...timings,
      ...(result.delayMs !== undefined && { retrievalDelayMs: result.delayMs }),
    });
    present(
      "waiting",
      `Attempt ${result.attempts} failed: ${result.reason} Next one in ${Math.ceil(pauseMs / 1_000)} s.`,
    );
    await condition(() => asked, pauseMs);
  }

  async function tellStep(): Promise<void> {
    if (input.stepWorkflowId === undefined) return;
    try {
      await getExternalWorkflowHandle(input.stepWorkflowId).signal(retrievalSettled, { photoId });
    } catch (error) {
      // A step that is over needs no telling.
      if (isCancellation(error)) throw error;
    }
  }
}
