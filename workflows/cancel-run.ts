import { WorkflowNotFoundError } from "@temporalio/common";

/** A handle of Temporal's client. */
type RunHandle = {
  describe(): Promise<{ status: { name: string } }>;
  cancel(): Promise<unknown>;
};

/** Cancels a run, which does not count as a signal; false when it is not open. */
export async function cancelRun(run: RunHandle): Promise<boolean> {
  try {
    // The cancel of a closed run succeeds as well.
    if ((await run.describe()).status.name !== "RUNNING") return false;
    await run.cancel();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
