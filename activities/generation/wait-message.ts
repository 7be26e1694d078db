import { Context } from "@temporalio/activity";
import { ProviderError } from "#errors";
import { findAttempt } from "#db/queries/steps/attempts";
import { findStep, noteStepMessage } from "#db/queries/steps/steps";
import { generationStepId, waitNoted } from "#workflows/generation-step/contract";
import { refreshBackend } from "../backend/backend-probe";
import type { ActivityDeps } from "../deps";
import { signalRun } from "../signal-run";
import { otherProgramReason } from "./wait-reasons";

type Deps = Pick<ActivityDeps, "database" | "invokeai" | "now" | "temporal">;

/** Shown to the user while a call to InvokeAI is retried. */
export function retryMessage(error: ProviderError): string {
  return `${error.message} The step continues once this is resolved.`;
}

/** Sets what a step waits for, in its row and in the Temporal web UI; null: nothing. */
async function setWaitMessage(
  deps: Deps,
  params: { stepId: string; message: string | null },
): Promise<void> {
  const { stepId, message } = params;
  await noteStepMessage(deps.database.db, { stepId, message });
  await signalRun(deps, generationStepId(stepId), (run) => run.signal(waitNoted, { message }));
}

/**
 * Checks InvokeAI after a failed call, so that its stored state is current.
 * Returns the error to throw: a retryable one if another program answered.
 */
export async function diagnoseFailure(
  deps: Deps,
  backend: string,
  error: ProviderError,
): Promise<ProviderError> {
  const { isOtherProgram } = await refreshBackend(deps, backend);
  if (!isOtherProgram) return error;
  return new ProviderError({
    provider: "invokeai",
    fault: "broken",
    message: otherProgramReason(backend),
    retryable: true,
    cause: error,
  });
}

/** Runs calls about a batch. If they have to be retried, the step shows why until they succeed. */
export async function withWaitMessage<T>(
  deps: Deps,
  batchId: string,
  work: () => Promise<T>,
): Promise<T> {
  const attempt = await findAttempt(deps.database.db, batchId);
  const isRepeated = Context.current().info.attempt > 1;
  try {
    const result = await work();
    if (attempt && isRepeated) {
      await refreshBackend(deps, attempt.backend);
      await setWaitMessage(deps, { stepId: attempt.stepId, message: null });
    }
    return result;
  } catch (error) {
    if (!(error instanceof ProviderError) || !attempt) throw error;
    const diagnosed = await diagnoseFailure(deps, attempt.backend, error);
    if (diagnosed.retryable) {
      await setChangedMessage(deps, attempt.stepId, retryMessage(diagnosed));
    }
    throw diagnosed;
  }
}

/** Only a changed message: a signal for each retry would fill the run's history. */
async function setChangedMessage(deps: Deps, stepId: string, message: string): Promise<void> {
  const step = await findStep(deps.database.db, stepId);
  if (step && step.progressMessage !== message) await setWaitMessage(deps, { stepId, message });
}
