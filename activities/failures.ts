import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { AppError, type ErrorKind, ProviderError } from "#errors";
import type { StepFailure } from "#workflows/generation-step/contract";

// May succeed later with the same request.
const transient: ReadonlySet<ErrorKind> = new Set([
  "provider",
  "unavailable",
  "storage_full",
  "rate_limited",
]);

/**
 * The one place that maps errors to Temporal's failures: retryable or not, with a message that anyone may read.
 * The text of an unexpected error does not go into the history.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof AppError) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: !transient.has(error.kind),
    });
  }
  if (error instanceof ProviderError) {
    return ApplicationFailure.create({
      message: error.message,
      type: `${error.provider}_${error.fault}`,
      nonRetryable: !error.retryable,
      nextRetryDelay: error.retryAfterMs,
      details: [providerReason(error)],
    });
  }
  if (isStatementTimeout(error)) {
    return ApplicationFailure.create({
      message: "A statement took too long, or waited too long for a lock; it is retried.",
      type: "database_timeout",
    });
  }
  return ApplicationFailure.create({
    message: "An unexpected error occurred; the worker's log has details.",
    type: "server_error",
  });
}

/** Postgres 57014, query_canceled; Drizzle's error has it as its cause. */
function isStatementTimeout(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && "code" in cause && cause.code === "57014";
}

/** For the row of a step that fails because of it. */
function providerReason({ provider, message }: ProviderError): StepFailure {
  return provider === "invokeai"
    ? {
        code: "invokeai_connection_error",
        message,
        suggestion: "Check InvokeAI, then retry the step.",
      }
    : { code: "pod_error", message, suggestion: "Check the pod, then retry the step." };
}

/** Fails a step without a retry; the reason is stored in its row. */
export function permanentFailure(reason: StepFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: reason.message,
    type: reason.code,
    nonRetryable: true,
    details: [{ code: reason.code, message: reason.message, suggestion: reason.suggestion }],
  });
}
