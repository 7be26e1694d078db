import type { SearchAttributePair } from "@temporalio/common";
import type * as workflows from "./index";
import { searchAttributesOf } from "./search-attributes";
import { queues } from "./task-queues";

export type WorkflowType = keyof typeof workflows;

/**
 * How long a worker may take for one workflow task. A task that was sent to a dying worker, or whose answer was lost, is
 * given to another worker only after this time; until then its run, and a cancel of it, are blocked. Tasks take about
 * 50 ms: half of the server's default still leaves slow machines a hundred times that.
 */
const workflowTaskTimeout = "5 seconds";

/** How a run is started: `client.workflow.start`, `signalWithStart`, `startChild` and schedules take `type` and `options` as they are. */
export type RunStart<Type extends WorkflowType = WorkflowType> = {
  type: Type;
  options: {
    workflowId: string;
    args: Parameters<(typeof workflows)[Type]>;
    taskQueue: string;
    workflowTaskTimeout: typeof workflowTaskTimeout;
    /** A second start is the same run. Ignored for children: theirs fails, and the parent decides. */
    workflowIdConflictPolicy: "USE_EXISTING";
    staticSummary: string;
    typedSearchAttributes: SearchAttributePair[];
  };
};

/** Used by the contracts: each has one function per workflow, which everything that starts a run calls. */
export function runStart<Type extends WorkflowType>(run: {
  type: Type;
  workflowId: string;
  args: Parameters<(typeof workflows)[Type]>;
  /** What the list of runs in the Temporal web UI shows; 200 bytes at most. */
  summary: string;
  /** The row that the run is about. */
  entity?: string;
  session?: string | undefined;
  /** What the run shows first: set from the start, it costs no event. */
  status: string;
}): RunStart<Type> {
  const { type, workflowId, args, summary, entity, session, status } = run;
  return {
    type,
    options: {
      workflowId,
      args,
      taskQueue: queues.main,
      workflowTaskTimeout,
      workflowIdConflictPolicy: "USE_EXISTING",
      staticSummary: summary,
      typedSearchAttributes: searchAttributesOf({ entity, session, status }),
    },
  };
}
