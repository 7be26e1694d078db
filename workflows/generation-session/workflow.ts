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
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { generationStepId } from "../generation-step/contract";
import { generationStep } from "../generation-step/workflow";
import { present } from "../lib/present";
import { searchAttributesOf } from "../search-attributes";
import { timingsOf } from "../timings";
import {
  type GenerationSessionInput,
  sessionFinished,
  stepCancelled,
  stepRequested,
} from "./contract";

// Rows only, no outside service: repeated until the database answers, however long it is away.
const { nextStep, closeCancelledSteps, closeIdleSession, finishSession, failBrokenStep } =
  proxyActivities<Activities>({
    startToCloseTimeout: "30 seconds",
    retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
  });

/** A generation session: open until it is closed or quiet for too long; runs its steps one after another. */
export async function generationSession(input: GenerationSessionInput): Promise<void> {
  const { sessionId } = input;
  const timings = timingsOf(input);
  let wakeUps = 0;
  let running: { stepId: string; cancel: () => void } | undefined;

  setHandler(stepRequested, () => void wakeUps++);
  setHandler(sessionFinished, () => {
    wakeUps++;
    running?.cancel();
  });
  setHandler(stepCancelled, async ({ stepId }) => {
    wakeUps++;
    if (running?.stepId === stepId) running.cancel();
    else await closeCancelledSteps({ sessionId });
  });

  for (;;) {
    const seen = wakeUps;
    const next = await nextStep({ sessionId });
    if (next.state === "closed") break;
    if (next.state === "run") {
      await runStep(next.stepId, next.summary);
    } else {
      present("waiting", "Waiting for the next step, or for the session to be closed.");
      const woke = await condition(() => wakeUps !== seen, timings.sessionIdleMs);
      if (!woke) await closeIdleSession({ sessionId });
    }
    // Here no child runs: one would die with this run.
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof generationSession>(input);
    }
  }
  await finishSession({ sessionId });
  await condition(allHandlersFinished);
  present("closed", "The session is closed.");

  async function runStep(stepId: string, summary: string): Promise<void> {
    present("generating", `Runs step \`${stepId}\`: ${summary}`);
    try {
      await runChild(stepId, summary);
    } catch (error) {
      if (CancellationScope.current().consideredCancelled) throw error;
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        // The run of a session that is gone still clears up; its row is the same, so is its work.
        await sleep("5 seconds");
      } else if (!isCancellation(error) && !hasEndedItsRow(error)) {
        await failBrokenStep({ stepId });
      }
    } finally {
      running = undefined;
    }
  }

  /** The server refuses the cancel of a child that has not started, and the SDK takes that for done: it is held back until then. */
  async function runChild(stepId: string, summary: string): Promise<void> {
    const session = CancellationScope.current();
    await CancellationScope.nonCancellable(async () => {
      const scope = new CancellationScope();
      const child = scope.run(() =>
        startChild(generationStep, {
          workflowId: generationStepId(stepId),
          args: [{ stepId, sessionId, timings: input.timings }],
          cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
          staticSummary: summary,
          typedSearchAttributes: searchAttributesOf({ entity: stepId, session: sessionId }),
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

/**
 * A step that fails has ended its own row before, which may be on its way again by now; one that was
 * terminated by hand, or broke on its way out, has not.
 */
function hasEndedItsRow(error: unknown): boolean {
  return error instanceof ChildWorkflowFailure && error.cause instanceof ApplicationFailure;
}
