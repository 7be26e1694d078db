import { defaultPayloadConverter } from "@temporalio/common";
import type { ActivityInterceptorsFactory, InjectedSinks } from "@temporalio/worker";
import type { TraceSinks } from "#workflows/trace/contract";
import { inSpanOf, type Tracer } from "#tracing/spans";

/** A span for each attempt of an activity whose run is traced. */
export const createTraceActivities =
  (tracer: Tracer): ActivityInterceptorsFactory =>
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const payload = input.headers["traceparent"];
        if (!payload) return next(input);
        const parent = defaultPayloadConverter.fromPayload<string>(payload);
        const facts = {
          "temporal.activity": info.activityType,
          "temporal.attempt": info.attempt,
          "temporal.workflow": info.workflowType ?? "",
          "temporal.workflow_id": info.workflowExecution?.workflowId ?? "",
        };
        const start = { name: `activity ${info.activityType}`, kind: "internal", facts } as const;
        return inSpanOf(tracer, start, parent, () => next(input));
      },
    },
  });

/** A span for each traced run, sent when the run has ended. */
export const createTraceSinks = (tracer: Tracer): InjectedSinks<TraceSinks> => ({
  trace: {
    ended: {
      fn: ({ workflowType, workflowId, startTime }, run) => {
        tracer.record({
          name: `workflow ${workflowType}`,
          kind: "internal",
          facts: { "temporal.workflow": workflowType, "temporal.workflow_id": workflowId },
          traceparent: run.traceparent,
          parent: run.parent,
          startedAt: startTime,
          endedAt: new Date(),
          fault: run.isFault ? "workflow_failed" : undefined,
        });
      },
      callDuringReplay: false,
    },
  },
});
