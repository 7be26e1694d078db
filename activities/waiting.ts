import { Context } from "@temporalio/activity";
import { ProviderError } from "#errors";
import type { Db } from "#db/client";
import { findAttempt } from "#db/queries/attempts";
import { noteStepMessage } from "#db/queries/steps";

/** What a person reads while a call to InvokeAI is tried again and again. */
export function waitingWords(error: ProviderError): string {
  return `${error.message} The step goes on when that is over.`;
}

/** Runs calls about a batch; where they have to be repeated, the step's row says why until they succeed. */
export async function sayingWhyItWaits<T>(
  db: Db,
  batchId: string,
  work: () => Promise<T>,
): Promise<T> {
  const note = async (message: string | null) => {
    const attempt = await findAttempt(db, batchId);
    if (attempt) await noteStepMessage(db, { stepId: attempt.stepId, message });
  };
  try {
    const result = await work();
    if (Context.current().info.attempt > 1) await note(null);
    return result;
  } catch (error) {
    if (error instanceof ProviderError && error.retryable) await note(waitingWords(error));
    throw error;
  }
}
