/** Decides the HTTP status and whether a retry can help. */
export type ErrorKind =
  | "invalid" // 400: the request itself is at fault
  | "unauthorized" // 401
  | "forbidden" // 403
  | "not_found" // 404
  | "method_not_allowed" // 405
  | "conflict" // 409
  | "too_large" // 413
  | "unsupported_type" // 415
  | "unprocessable" // 422: well-formed, but the image is rejected
  | "rate_limited" // 429
  | "internal" // 500
  | "provider" // 502: InvokeAI or RunPod failed
  | "unavailable" // 503: one of our own services is temporarily unavailable
  | "storage_full"; // 507

/** The codes of the API's error body; clients may branch on them. */
export const errorCodes = [
  "validation_error",
  "unauthorized",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "conflict",
  "payload_too_large",
  "unsupported_media_type",
  "image_rejected",
  "rate_limited",
  "server_error",
  "storage_error",
  "invokeai_connection_error",
  "invokeai_model_error",
  "invokeai_graph_error",
  "invokeai_generation_error",
  "invokeai_retrieval_error",
  "pod_error",
  "database_unavailable",
  "workflow_unavailable",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** One fault of a request: `path` is a JSON path such as `parameters.width`. */
export type FieldFault = { path: string; message: string };

/** A known fault that may be reported to the caller. `message` says what to do. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly kind: ErrorKind;
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(fault: {
    kind: ErrorKind;
    code: ErrorCode;
    message: string;
    details?: Record<string, unknown>;
    cause?: unknown;
  }) {
    super(fault.message, { cause: fault.cause });
    this.kind = fault.kind;
    this.code = fault.code;
    this.details = fault.details;
  }
}

/**
 * The 404 for something that does not exist or is not visible to the caller.
 * @param path the field of the request that names it
 */
export function notFound(what: string, path?: string): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: `There is no such ${what}.`,
    ...(path !== undefined && { details: { path } }),
  });
}

/** The 409 for a request that the current state does not allow. */
export function conflict(message: string, details?: Record<string, unknown>): AppError {
  return new AppError({ kind: "conflict", code: "conflict", message, ...(details && { details }) });
}

/** The 413 for a body above this server's limits. */
export function payloadTooLarge(message: string, details?: Record<string, number>): AppError {
  return new AppError({
    kind: "too_large",
    code: "payload_too_large",
    message,
    ...(details && { details }),
  });
}

/** The 429 for too many requests; the client may retry after `retryAfterSeconds`. */
export function rateLimited(message: string, retryAfterSeconds: number): AppError {
  return new AppError({
    kind: "rate_limited",
    code: "rate_limited",
    message,
    details: { retry_after_seconds: retryAfterSeconds },
  });
}

/** The 400 that lists every fault of a request at once. */
export function invalid(message: string, errors: FieldFault[]): AppError {
  return new AppError({ kind: "invalid", code: "validation_error", message, details: { errors } });
}

export type Provider = "invokeai" | "runpod";

/** What went wrong with a provider; never contains text of its answer. */
export type ProviderFault =
  | "unreachable" // refused, reset, DNS, TLS
  | "away" // known not to run at the moment: called again once it runs; `message` says what it waits for
  | "gone" // ended for good, with everything that it held
  | "timeout"
  | "locked" // 401: the owner must correct the login; the request had no effect
  | "rejected" // 4xx: our request is wrong
  | "missing" // 404
  | "broken" // 5xx, HTML instead of JSON, wrong type, bad JSON, wrong length
  | "busy"; // 429, 502–504: retry after `retryAfterMs`

/** The only error that adapters throw: provider, status, and whether a retry can help. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly provider: Provider;
  readonly fault: ProviderFault;
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(failure: {
    provider: Provider;
    fault: ProviderFault;
    message: string;
    status?: number;
    retryable: boolean;
    retryAfterMs?: number;
    cause?: unknown;
  }) {
    super(failure.message, { cause: failure.cause });
    this.provider = failure.provider;
    this.fault = failure.fault;
    this.status = failure.status;
    this.retryable = failure.retryable;
    this.retryAfterMs = failure.retryAfterMs;
  }
}
