import { defaultPayloadConverter, type Headers } from "@temporalio/common";
import {
  ContinueAsNew,
  isCancellation,
  proxySinks,
  type WorkflowInterceptorsFactory,
  workflowInfo,
} from "@temporalio/workflow";
import type { TraceSinks } from "./contract";
import { spanOfRun } from "./span-of-run";

const header = "traceparent";

/** They work for many requests, one after another: they pass traces on and are in none. */
const shared = ["generationSession", "invokeaiBackend"];

/**
 * Passes the trace of what starts a run on to its activities, children and signals. Only headers change, which replay
 * ignores. An untraced run, as every run is without tracing, stays as it is. A run that continues as new leaves its trace.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const { ended } = proxySinks<TraceSinks>().trace;
  let current: string | undefined;
  /** Of requests for children, such as steps, by the child's entity. */
  const requests = new Map<string, string>();

  const traced = <Input extends { headers: Headers }>(input: Input, parent = current): Input =>
    parent === undefined
      ? input
      : {
          ...input,
          headers: { ...input.headers, [header]: defaultPayloadConverter.toPayload(parent) },
        };

  return {
    inbound: [
      {
        async execute(input, next) {
          const parent = read(input.headers);
          const { runId, workflowType } = workflowInfo();
          if (parent === undefined || shared.includes(workflowType)) return next(input);
          const traceparent = spanOfRun(parent, runId);
          current = traceparent;
          try {
            const result = await next(input);
            ended({ traceparent, parent, isFault: false });
            return result;
          } catch (error) {
            const isEnd = error instanceof ContinueAsNew || isCancellation(error);
            ended({ traceparent, parent, isFault: !isEnd });
            throw error;
          }
        },
        handleSignal(input, next) {
          const parent = read(input.headers);
          if (parent !== undefined) for (const id of idsIn(input.args)) requests.set(id, parent);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(traced(input)),
        scheduleLocalActivity: (input, next) => next(traced(input)),
        signalWorkflow: (input, next) => next(traced(input)),
        startChildWorkflowExecution: (input, next) => {
          const entity = input.options.workflowId.split("/").at(-1) ?? "";
          return next(traced(input, requests.get(entity)));
        },
      },
    ],
  };
};

function read(headers: Headers): string | undefined {
  const payload = headers[header];
  return payload && defaultPayloadConverter.fromPayload<string>(payload);
}

/** The ids in the arguments of a signal, such as `{ stepId }`. */
function idsIn(args: unknown[]): string[] {
  return args.flatMap((arg) =>
    typeof arg === "object" && arg !== null
      ? Object.values(arg).filter((value) => typeof value === "string")
      : [],
  );
}
