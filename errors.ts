/** Decides the HTTP status and whether another try can help. */
export type ErrorKind =
  | "invalid" // 400: the request itself is at fault
  | "unauthorized" // 401
  | "forbidden" // 403
  | "not_found" // 404
  | "method_not_allowed" // 405
  | "conflict" // 409
  | "too_large" // 413
  | "unsupported_type" // 415
  | "unprocessable" // 422: well-formed, but this image cannot be taken
  | "rate_limited" // 429
  | "internal" // 500
  | "provider" // 502: InvokeAI or RunPod failed us
  | "unavailable" // 503: a part of ours is away for a while
  | "storage_full"; // 507

/** The contract's words; a client may branch on them. */
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

/** A fault we can name to a caller. `message` tells the reader what to do. */
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

/** The 404 of something that is not there, or may not be seen. */
export function notFound(what: string): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: `There is no such ${what}.`,
  });
}

/** The 409 of a request that the present state does not allow. */
export function conflict(message: string): AppError {
  return new AppError({ kind: "conflict", code: "conflict", message });
}

/** The 400 that lists every fault of a request at once. */
export function invalid(message: string, errors: FieldFault[]): AppError {
  return new AppError({ kind: "invalid", code: "validation_error", message, details: { errors } });
}

export type Provider = "invokeai" | "runpod";

/** What went wrong with an outside service, in words that hold nothing of its answer. */
export type ProviderFault =
  | "unreachable" // refused, reset, DNS, TLS
  | "timeout"
  | "locked" // 401: a person has to set the login right; nothing was taken meanwhile
  | "rejected" // 4xx: our request is at fault
  | "missing" // 404
  | "broken" // 5xx, HTML instead of JSON, wrong type, bad JSON, wrong length
  | "busy"; // 429, 502–504: worth another try, `retryAfterMs` says when

/** An adapter's only error: names provider, status and whether another try can help. */
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
