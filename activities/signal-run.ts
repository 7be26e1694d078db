import type { WorkflowHandle } from "@temporalio/client";
import { log } from "@temporalio/activity";
import type { RunStart } from "#workflows/run-start";
import type { ActivityDeps } from "./deps";

const timeoutMs = 2_000;

/**
 * Signals a run: one try with a short time-out; false when it failed. A lost signal is harmless, as the rows hold the
 * same.
 */
export async function signalRun(
  { temporal }: Pick<ActivityDeps, "temporal">,
  workflowId: string,
  signal: (run: WorkflowHandle) => Promise<void>,
): Promise<boolean> {
  try {
    await temporal.withDeadline(Date.now() + timeoutMs, () =>
      signal(temporal.workflow.getHandle(workflowId)),
    );
    return true;
  } catch (error) {
    log.debug("signal not delivered", { workflowId, error });
    return false;
  }
}

/** Starts a run: one try with a short time-out; false when it failed. Reconcile starts what rows ask for. */
export async function startRun(
  { temporal }: Pick<ActivityDeps, "temporal">,
  { type, options }: RunStart,
): Promise<boolean> {
  try {
    await temporal.withDeadline(Date.now() + timeoutMs, () =>
      temporal.workflow.start(type, options),
    );
    return true;
  } catch (error) {
    log.debug("run not started", { workflowId: options.workflowId, error });
    return false;
  }
}
