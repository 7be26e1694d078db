import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  ActivityCancellationType,
  CancellationScope,
  CancelledFailure,
  condition,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  patched,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { count, present } from "../lib/present";
import { photoRetrievalId } from "../photo-retrieval/contract";
import { createTurn } from "../lib/turn";
import { photoRetrieval } from "../photo-retrieval/workflow";
import { searchAttributesOf } from "../search-attributes";
import { timingsOf } from "../timings";
import {
  type GenerationStepInput,
  retrievalSettled,
  type StepFailure,
  type Tally,
} from "./contract";
import { endingOf, endingOfCancelled, failureOf, nextAttempt, reasonOf, summaryOf } from "./policy";

// Whatever runs when a cancel comes is waited for: what follows must find its effects. Left out, the SDK goes on at once.
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

// Runs from before it take what was generated for what was brought.
const lostImages = "lost-images";

// Rows only, no outside service: repeated until the database answers, however long it is away.
const rows = proxyActivities<Activities>({
  cancellationType,
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
});

/** A generation step: its turn, its batches, its images. Exactly-once is kept by rows, so that any part may run again. */
export async function generationStep(input: GenerationStepInput): Promise<void> {
  const { stepId, sessionId } = input;
  const timings = timingsOf(input);
  const self = workflowInfo().workflowId;

  // InvokeAI may be away for hours and come back: tried until it answers or the step is cancelled.
  const invokeai = proxyActivities<Activities>({
    cancellationType,
    startToCloseTimeout: "1 day",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "1 second", maximumInterval: "30 seconds" },
  });

  const turn = createTurn(timings);
  // What the row says of the step; an end that is told twice must not hit a step that was put back to pending since.
  let from: "pending" | "processing" | undefined;
  const settled = new Set<string>();
  const started = new Set<string>();
  setHandler(retrievalSettled, ({ photoId }) => void settled.add(photoId));

  try {
    const step = await rows.beginStep({ stepId });
    if (step.state === "ended") return;
    if (step.state === "cancelling") return void (await endAsCancelled());
    from = step.status;
    const place = await turn.take({
      tell: (message, place) => rows.noteStepMessage({ stepId, message, place }),
      continueAsNew: () => continueAsNew<typeof generationStep>(input),
    });
    const tally = await generate(place, step.hasSource);
    await turn.giveBack();
    await awaitRetrievals();
    // An image may be gone before it was fetched.
    const brought = patched(lostImages) ? await rows.tallySlots({ stepId }) : tally;
    const ending = endingOf(brought);
    if (ending.status === "failed") throw failureOf(ending.error);
    await rows.endStep({ stepId, ending, from });
    present("completed", summaryOf(brought));
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    // What was under way when the cancel came is not tried again: its own failure must not hide the cancel.
    const isCancelled =
      isCancellation(error) ||
      (CancellationScope.current().consideredCancelled && patched("cancel-outlives-failure"));
    if (isCancelled) {
      const status = await CancellationScope.nonCancellable(endAsCancelled);
      if (status === "completed") return;
      throw isCancellation(error) ? error : new CancelledFailure("The step was cancelled.");
    }
    const reason = reasonOf(error);
    await CancellationScope.nonCancellable(() => endAsFailed(reason));
    throw failureOf(reason);
  }

  async function generate(place: string, hasSource: boolean) {
    let open: number | undefined;
    for (let attempts = 1; ; attempts++) {
      const attempt = await rows.openAttempt({ stepId, backend: place });
      from = "processing";
      let tally: Tally | undefined;
      if (attempt) {
        present("generating", `InvokeAI is asked for ${count(attempt.images, "image")}.`);
        if (hasSource) await invokeai.uploadSource({ batchId: attempt.batchId });
        await invokeai.enqueueBatch({ batchId: attempt.batchId, graceMs: timings.enqueueGraceMs });
        await watch(attempt.batchId, (made) =>
          present(
            "generating",
            `InvokeAI generates: ${made} of ${count(attempt.images, "image")} made.`,
          ),
        );
        tally = await invokeai.settleAttempt({ batchId: attempt.batchId });
      }
      tally ??= await rows.tallySlots({ stepId });
      // What brought something was no failure.
      if (open !== undefined && tally.open < open) attempts = 1;
      open = tally.open;
      const next = nextAttempt(tally, attempts, timings);
      if (!next.again) return tally;
      present(
        "generating",
        `Interrupted: ${count(tally.open, "image")} still missing, asked for again.`,
      );
      await sleep(next.pauseMs);
    }
  }

  async function watch(batchId: string, tell: (made: number) => void): Promise<void> {
    for (let made = 0; ;) {
      tell(made);
      const seen = await invokeai.watchBatch({ batchId });
      await startRetrievals(seen.photoIds);
      made += seen.photoIds.length;
      if (seen.ended) return;
    }
  }

  async function startRetrievals(photoIds: string[]): Promise<void> {
    await Promise.all(
      photoIds.map(async (photoId) => {
        try {
          // An image that exists is fetched, whatever becomes of its step: its end or its cancel. And a cancel that
          // comes before the child's start is told would leave `startChild` waiting for ever.
          await CancellationScope.nonCancellable(() =>
            startChild(photoRetrieval, {
              workflowId: photoRetrievalId(photoId),
              args: [{ photoId, sessionId, stepWorkflowId: self, timings: input.timings }],
              parentClosePolicy: ParentClosePolicy.ABANDON,
              staticSummary: "Fetches one generated image",
              typedSearchAttributes: searchAttributesOf({ entity: photoId, session: sessionId }),
            }),
          );
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        }
        started.add(photoId);
      }),
    );
  }

  // Over when each photo was fetched or waits between two attempts; those of an earlier run are known by their rows.
  async function awaitRetrievals(): Promise<void> {
    present("retrieving", "Generated; the images are being fetched.");
    // Signals tell at once; the look at the rows, for lost ones, grows rarer so that the history stays short.
    for (let lookAgainMs = 3_000; ; lookAgainMs = Math.min(lookAgainMs * 2, 300_000)) {
      const all = await condition(() => [...started].every((id) => settled.has(id)), lookAgainMs);
      const untried = await startMissingRetrievals();
      if (untried === 0) return;
      // Told by signals, yet the rows say otherwise: a signal was for an earlier attempt.
      if (all) await sleep("1 second");
    }
  }

  async function startMissingRetrievals(): Promise<number> {
    const untried = await rows.listUntriedRetrievals({ stepId });
    await startRetrievals(untried.filter((id) => !started.has(id)));
    return untried.length;
  }

  async function endAsCancelled(): Promise<"completed" | "cancelled"> {
    present("cancelling", "Cancelled: InvokeAI is told, finished images are kept.");
    const attempt = await rows.findOpenAttempt({ stepId });
    if (attempt) {
      const { wasSent } = await invokeai.cancelBatch({
        batchId: attempt.batchId,
        graceMs: timings.enqueueGraceMs,
        drainMs: timings.cancelDrainMs,
      });
      if (wasSent) await watch(attempt.batchId, () => {});
      await invokeai.settleAttempt({ batchId: attempt.batchId });
    }
    await turn.giveBack();
    await startMissingRetrievals();
    const tally = await rows.tallySlots({ stepId });
    const ending = endingOfCancelled(tally);
    await rows.endStep({ stepId, ending, from });
    const words =
      ending.status === "completed"
        ? summaryOf(tally)
        : `Cancelled; ${count(tally.filled, "finished image")} kept.`;
    present(ending.status, words);
    return ending.status;
  }

  async function endAsFailed(reason: StepFailure): Promise<void> {
    await turn.giveBack();
    await rows.endStep({ stepId, ending: { status: "failed", error: reason }, from });
    present("failed", `${reason.message} ${reason.suggestion}`);
  }
}
