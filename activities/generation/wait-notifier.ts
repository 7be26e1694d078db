import { Context } from "@temporalio/activity";
import type { Step } from "#db/schema/steps";
import { noteStepMessage } from "#db/queries/steps/steps";
import { generationStepId, waitNoted } from "#workflows/generation-step/contract";
import type { ActivityDeps } from "../deps";
import { signalRun } from "../signal-run";

/** Limits signals for a message in which only numbers changed, so that the run's history stays short. */
const countEveryMs = 30_000;

/** Shows what a watched batch waits for: in the step's row, and in the Temporal web UI. */
export function createWaitNotifier(deps: Pick<ActivityDeps, "database" | "temporal">, step: Step) {
  /** May have been set by an earlier watch. */
  let inRow = step.progressMessage;
  // At the start of a watch the run shows its own status. undefined: unknown, as an earlier try may have set a message.
  let inRun: string | null | undefined = Context.current().info.attempt > 1 ? undefined : null;
  let signalledAt = 0;

  async function signalChange(message: string | null): Promise<void> {
    if (message === inRun) return;
    const isSameKind = kindOf(message) === kindOf(inRun);
    if (isSameKind && performance.now() - signalledAt < countEveryMs) return;
    inRun = message;
    signalledAt = performance.now();
    await signalRun(deps, generationStepId(step.id), (run) => run.signal(waitNoted, { message }));
  }

  return {
    /** null: it no longer waits. */
    async show(message: string | null): Promise<void> {
      if (message !== inRow) {
        await noteStepMessage(deps.database.db, { stepId: step.id, message });
      }
      inRow = message;
      await signalChange(message);
    },
  };
}

const kindOf = (message: string | null | undefined) => message?.replace(/\d+/g, "") ?? message;
