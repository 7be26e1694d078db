import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { Context } from "@temporalio/activity";

/** The ids of all open runs of these types. Temporal's list lags slightly behind. */
export async function listOpenRuns(temporal: Client, types: string[]): Promise<Set<string>> {
  const open = new Set<string>();
  const named = types.map((type) => `'${type}'`).join(", ");
  const query = `WorkflowType in (${named}) and ExecutionStatus = 'Running'`;
  for await (const { workflowId } of temporal.workflow.list({ query })) {
    Context.current().heartbeat();
    open.add(workflowId);
  }
  return open;
}

/** `idle`: it only waits for a signal or a timer. */
type RunState = "closed" | "busy" | "idle";

/** The current state of a run; sends no signal. */
export async function readRunState(temporal: Client, workflowId: string): Promise<RunState> {
  try {
    const { status, raw } = await temporal.workflow.getHandle(workflowId).describe();
    if (status.name !== "RUNNING") return "closed";
    const isBusy =
      (raw.pendingActivities ?? []).length > 0 ||
      (raw.pendingChildren ?? []).length > 0 ||
      Boolean(raw.pendingWorkflowTask);
    return isBusy ? "busy" : "idle";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "closed";
    throw error;
  }
}
