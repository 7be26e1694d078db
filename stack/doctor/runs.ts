import { WorkflowNotFoundError } from "@temporalio/client";
import type { Temporal } from "#api/temporal/connection";

const callTimeoutMs = 3_000;

export type Run = {
  isOpen: boolean;
  hasFailed: boolean;
  /** How often its current task of workflow code was tried: more than a few means that the code fails. */
  taskAttempts: number;
};

/** The newest run of an id; undefined when there is none. */
export async function findRun(temporal: Temporal, workflowId: string): Promise<Run | undefined> {
  try {
    const { status, raw } = await temporal.within(callTimeoutMs, () =>
      temporal.client.workflow.getHandle(workflowId).describe(),
    );
    return {
      isOpen: status.name === "RUNNING",
      hasFailed: status.name === "FAILED" || status.name === "TIMED_OUT",
      taskAttempts: Number(raw.pendingWorkflowTask?.attempt ?? 0),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
