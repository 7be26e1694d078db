import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  ActivityCancellationType,
  CancellationScope,
  CancelledFailure,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { count, createStatusDisplay } from "../lib/run-status";
import { rows } from "../lib/rows";
import { type FailedAttempt, photoRetrievalRun } from "../photo-retrieval/contract";
import type { photoRetrieval } from "../photo-retrieval/workflow";
import { queues } from "../task-queues";
import { createTurn } from "../turn/turn";
import { timingsOf } from "../timings";
import {
  cancellingMessage,
  type GenerationStepInput,
  type StepFailure,
  type Tally,
  waitNoted,
} from "./contract";
import { endingOf, endingOfCancelled, failureOf, nextAttempt, reasonOf, summaryOf } from "./policy";

class StoodDown extends Error {}

/** A generation step: its turn, its batches, its images. Rows keep it exactly-once, so any part may run again. */
export async function generationStep(input: GenerationStepInput): Promise<void> {
  const { stepId, sessionId } = input;
  const timings = timingsOf(input);
  const heartbeatTimeout = timings.heartbeatMs;

  // InvokeAI may be down for hours: retried until it answers or the step is cancelled.
  const invokeai = proxyActivities<Activities>({
    // A cancel waits for the running activity: later activities must see its effects.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    taskQueue: queues.generation,
    startToCloseTimeout: "1 day",
    heartbeatTimeout,
    retry: { initialInterval: "1 second", maximumInterval: "30 seconds" },
  });
  // A failed download is a result, counted in the row. Retried here: a killed worker, a full disk, an unreachable
  // database. A cancel does not wait for a download: the next attempt waits until its claim is released.
  const images = proxyActivities<Activities>({
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    taskQueue: queues.images,
    startToCloseTimeout: "1 day",
    heartbeatTimeout,
    retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
  });

  const { showStatus, showWait } = createStatusDisplay();
  const turn = createTurn({ stepId }, timings, showStatus);
  // The row's status: ending the step twice must not end one that was put back to pending in between.
  let from: "pending" | "processing" | undefined;
  /** The first attempts to fetch images; none of these promises rejects. */
  const fetches = new Set<Promise<void>>();
  /** Photos whose first attempt failed with an unexpected error. */
  const unfetchable = new Set<string>();
  /** Photos whose place is not running: fetched by runs of their own, which the step does not wait for. */
  const awaitingPlace = new Set<string>();
  setHandler(waitNoted, ({ message }) => showWait(message));

  try {
    const step = await rows.beginStep({ stepId });
    if (step.state === "ended") return;
    if (step.state === "cancelling") return void (await endAsCancelled());
    from = step.status;
    fetch(step.untried);
    let tally: Tally;
    for (;;) {
      const generated = await generate();
      await turn.release();
      tally = await awaitImages();
      // Otherwise images were lost with their place before they were fetched.
      if (tally.open <= generated.open) break;
    }
    const ending = endingOf(tally);
    if (ending.status === "failed") throw failureOf(ending.error);
    await rows.endStep({ stepId, ending, from });
    showStatus("completed", summaryOf(tally));
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    // The row is as it was: the session's run starts the step again.
    if (error instanceof StoodDown) return;
    // An activity that fails during a cancel is not retried: its failure must not hide the cancel.
    if (isCancellation(error) || CancellationScope.current().consideredCancelled) {
      const status = await CancellationScope.nonCancellable(endAsCancelled);
      if (status === "completed") return;
      throw isCancellation(error) ? error : new CancelledFailure("The step was cancelled.");
    }
    const reason = reasonOf(error);
    await CancellationScope.nonCancellable(() => endAsFailed(reason));
    throw failureOf(reason);
  }

  async function generate(): Promise<Tally> {
    let open: number | undefined;
    let backend = await takeTurn();
    for (let attempts = 1; ; attempts++) {
      let attempt = await rows.openAttempt({ stepId, backend });
      while (attempt === "gone") {
        await turn.release();
        backend = await takeTurn();
        attempt = await rows.openAttempt({ stepId, backend });
      }
      from = "processing";
      const tally = attempt ? await runBatch(attempt) : (await rows.countImages({ stepId })).tally;
      // An attempt that produced images resets the count.
      if (open !== undefined && tally.open < open) attempts = 1;
      open = tally.open;
      const next = nextAttempt(tally, attempts, timings);
      if (!next.again) return tally;
      if (next.pauseMs === 0) continue;
      showStatus(
        "generating",
        tally.message ??
          `Interrupted: ${count(tally.open, "image")} still missing, requested again.`,
      );
      await sleep(next.pauseMs);
    }
  }

  function takeTurn(): Promise<string> {
    return turn.take({
      continueAsNew: () => continueAsNew<typeof generationStep>(input),
      async standDown() {
        await Promise.all(fetches);
        throw new StoodDown("Another step of the session goes first, or the window closed.");
      },
    });
  }

  async function runBatch(attempt: { batchId: string; images: number }): Promise<Tally> {
    const { batchId } = attempt;
    const asked = count(attempt.images, "image");
    for (let made = 0; ;) {
      showStatus(
        "generating",
        made === 0
          ? `InvokeAI is asked for ${asked}.`
          : `InvokeAI generates: ${made} of ${asked} made.`,
      );
      const seen = await invokeai.runBatch({ batchId, graceMs: timings.enqueueGraceMs });
      fetch(seen.photoIds);
      made += seen.photoIds.length;
      if (seen.tally) return seen.tally;
    }
  }

  /** Makes the first attempt at each photo; a photo whose attempt fails, or cannot be made yet, gets its own run. */
  function fetch(photoIds: string[]): void {
    if (photoIds.length === 0) return;
    const attempt = (async () => {
      try {
        const { failed, away } = await images.fetchImages({ photoIds });
        for (const photoId of away) awaitingPlace.add(photoId);
        await startRetrievals([...failed, ...away.map((photoId) => ({ photoId }))]);
      } catch (error) {
        // After a cancel, `endAsCancelled` starts runs for these photos.
        if (isCancellation(error)) return;
        for (const photoId of photoIds) unfetchable.add(photoId);
      }
    })();
    fetches.add(attempt);
    void attempt.finally(() => fetches.delete(attempt));
  }

  async function startRetrievals(
    photos: { photoId: string; after?: FailedAttempt }[],
  ): Promise<void> {
    await Promise.all(
      photos.map(async ({ photoId, after }) => {
        const start = photoRetrievalRun({ photoId, sessionId, after, timings: input.timings });
        try {
          // An existing image is fetched even if its step ends or is cancelled. Also, a cancel that arrives before
          // the child's start is confirmed would leave `startChild` waiting forever.
          await CancellationScope.nonCancellable(() =>
            startChild<typeof photoRetrieval>(start.type, {
              ...start.options,
              parentClosePolicy: ParentClosePolicy.ABANDON,
            }),
          );
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        }
      }),
    );
  }

  /** Returns when each photo was fetched or waits between two attempts. Rows name the photos of an earlier run. */
  async function awaitImages(): Promise<Tally> {
    if (fetches.size > 0) showStatus("retrieving", "Generated; the images are being fetched.");
    for (let recheckMs = 3_000; ;) {
      await Promise.all(fetches);
      const counted = await rows.countImages({ stepId });
      const untried = counted.untried.filter((photoId) => !awaitingPlace.has(photoId));
      if (untried.length === 0) return counted.tally;
      const fetchable = untried.filter((photoId) => !unfetchable.has(photoId));
      fetch(fetchable);
      if (fetchable.length > 0) continue;
      await startRetrievals(untried.map((photoId) => ({ photoId })));
      await sleep(recheckMs);
      recheckMs = Math.min(recheckMs * 2, 300_000);
    }
  }

  /** Starts runs that outlive this one for the images not fetched yet. */
  async function handOverUnfetched(): Promise<Tally> {
    const { tally, untried } = await rows.countImages({ stepId });
    await startRetrievals(untried.map((photoId) => ({ photoId })));
    return tally;
  }

  async function endAsCancelled(): Promise<"completed" | "cancelled"> {
    showStatus("cancelling", cancellingMessage);
    const attempt = await rows.findOpenAttempt({ stepId });
    if (attempt) {
      const { wasSent } = await invokeai.cancelBatch({
        batchId: attempt.batchId,
        graceMs: timings.enqueueGraceMs,
        drainMs: timings.cancelDrainMs,
      });
      if (wasSent) while (!(await invokeai.watchBatch({ batchId: attempt.batchId })).ended);
      await invokeai.settleAttempt({ batchId: attempt.batchId });
    }
    await turn.release();
    const tally = await handOverUnfetched();
    const ending = endingOfCancelled(tally);
    await rows.endStep({ stepId, ending, from });
    const message =
      ending.status === "completed"
        ? summaryOf(tally)
        : `Cancelled; ${count(tally.filled, "finished image")} kept.`;
    showStatus(ending.status, message);
    return ending.status;
  }

  async function endAsFailed(reason: StepFailure): Promise<void> {
    await turn.release();
    await handOverUnfetched();
    await rows.endStep({ stepId, ending: { status: "failed", error: reason }, from });
    showStatus("failed", `${reason.message} ${reason.suggestion}`);
  }
}
