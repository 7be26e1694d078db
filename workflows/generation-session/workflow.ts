import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { generationStepRun } from "../generation-step/contract";
import type { generationStep } from "../generation-step/workflow";
import { showStatus } from "../lib/run-status";
import { rows } from "../lib/rows";
import { timingsOf } from "../timings";
import {
  type GenerationSessionInput,
  sessionFinished,
  stepCancelled,
  stepRequested,
} from "./contract";

type StepToRun = Extract<Awaited<ReturnType<Activities["nextStep"]>>, { state: "run" }>;

/** A generation session: open until it is closed or has been idle for too long; runs its steps one after another. */
export async function generationSession(input: GenerationSessionInput): Promise<void> {
  const { sessionId } = input;
  const timings = timingsOf(input);
  let wakeUps = 0;
  const isLong = () => workflowInfo().continueAsNewSuggested || wakeUps >= timings.maxSignalsPerRun;
  let title: string | undefined;
  let running: { stepId: string; cancel: () => void } | undefined;

  setHandler(stepRequested, () => void wakeUps++);
  setHandler(sessionFinished, () => {
    wakeUps++;
    running?.cancel();
  });
  setHandler(stepCancelled, async ({ stepId }) => {
    wakeUps++;
    if (running?.stepId === stepId) running.cancel();
    else await rows.closeCancelledSteps({ sessionId });
  });

  for (;;) {
    const seen = wakeUps;
    const next = await rows.nextStep({ sessionId });
    title = next.title;
    if (next.state === "closed") break;
    if (next.state === "run") {
      await runStep(next);
    } else if (next.state === "later") {
      showTitledStatus(next.title, "waiting", `Step \`${next.stepId}\`: ${next.reason}`);
      // At least a second: the clocks of the worker and of the workflow service may differ.
      const untilOpen = Math.max(next.untilMs - Date.now(), 1_000);
      await condition(() => wakeUps !== seen || isLong(), untilOpen);
    } else {
      showTitledStatus(
        next.title,
        "waiting",
        "Waiting for the next step, or for the session to be closed.",
      );
      const woke = await condition(() => wakeUps !== seen || isLong(), timings.sessionIdleMs);
      if (!woke) await rows.closeIdleSession({ sessionId });
    }
    // No child runs here: continuing as new would end it.
    if (isLong()) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof generationSession>(input);
    }
  }
  await rows.finishSession({ sessionId });
  await condition(allHandlersFinished);
  showTitledStatus(title, "closed", "The session is closed.");

  async function runStep({ stepId, summary, title }: StepToRun): Promise<void> {
    showTitledStatus(title, "generating", `Runs step \`${stepId}\`: ${summary}`);
    try {
      await runChild(stepId, summary);
    } catch (error) {
      if (CancellationScope.current().consideredCancelled) throw error;
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        // The step's run belongs to an earlier run of this session and is still cleaning up. It works on the same row.
        await sleep("5 seconds");
      } else if (!isCancellation(error) && !hasEndedItsRow(error)) {
        await rows.failBrokenStep({ stepId });
      }
    } finally {
      running = undefined;
    }
  }

  /**
   * The server refuses to cancel a child that has not started, and the SDK treats the refusal as success: a cancel is
   * delayed until the start.
   */
  async function runChild(stepId: string, summary: string): Promise<void> {
    const session = CancellationScope.current();
    const start = generationStepRun({ stepId, sessionId, timings: input.timings }, summary);
    await CancellationScope.nonCancellable(async () => {
      const scope = new CancellationScope();
      const child = scope.run(() =>
        startChild<typeof generationStep>(start.type, {
          ...start.options,
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        }),
      );
      const cancel = () =>
        void child.then(
          () => scope.cancel(),
          () => {},
        );
      running = { stepId, cancel };
      session.cancelRequested.catch(cancel);
      await (await child).result();
    });
  }
}

/** Prefixes the sentence with the session's title, where it has one. */
function showTitledStatus(title: string | undefined, status: string, sentence: string): void {
  showStatus(status, title === undefined ? sentence : `${title}: ${sentence}`);
}

/**
 * A step that fails ends its own row first; the row may have been put back to pending since. A run that was
 * terminated by hand, or failed while ending, has not ended its row.
 */
function hasEndedItsRow(error: unknown): boolean {
  return error instanceof ChildWorkflowFailure && error.cause instanceof ApplicationFailure;
}
