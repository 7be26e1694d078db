import type { WorkflowClientInterceptor } from "@temporalio/client";
import { defaultPayloadConverter, type Headers } from "@temporalio/common";
import { currentTraceparent } from "./spans";

const header = "traceparent";

/** Gives runs and signals the span in which they are started or sent. Without tracing it adds nothing. */
export const traceRuns: WorkflowClientInterceptor = {
  startWithDetails: (input, next) => next({ ...input, headers: traced(input.headers) }),
  signalWithStart: (input, next) => next({ ...input, headers: traced(input.headers) }),
  signal: (input, next) => next({ ...input, headers: traced(input.headers) }),
};

function traced(headers: Headers): Headers {
  const current = currentTraceparent();
  if (current === undefined) return headers;
  return { ...headers, [header]: defaultPayloadConverter.toPayload(current) };
}
