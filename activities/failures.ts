import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { AppError, type ErrorKind, ProviderError } from "#errors";
import type { StepFailure } from "#workflows/generation-step/contract";

// What may be well again after a while, without anybody changing the request.
const passing: ReadonlySet<ErrorKind> = new Set([
  "provider",
  "unavailable",
  "storage_full",
  "rate_limited",
]);

/**
 * The one place where a fault becomes Temporal's: retryable or not, and with words that may be read
 * by anyone. Of errors that nobody named, only the kind goes into the history.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof AppError) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: !passing.has(error.kind),
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
  return ApplicationFailure.create({
    message: "Something failed that is not named; the worker's log tells more.",
    type: "server_error",
  });
}

/** For the row of a step that ends by it. */
function providerReason({ provider, message }: ProviderError): StepFailure {
  return provider === "invokeai"
    ? {
        code: "invokeai_connection_error",
        message,
        suggestion: "Look after InvokeAI, then retry the step.",
      }
    : { code: "pod_error", message, suggestion: "Look after the pod, then retry the step." };
}

/** Gives a step up: the words reach its row, and another try does not help. */
export function giveUp(reason: StepFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: reason.message,
    type: reason.code,
    nonRetryable: true,
    details: [{ code: reason.code, message: reason.message, suggestion: reason.suggestion }],
  });
}
