import { t } from "elysia";
import { type AppError, errorCodes, type ErrorKind } from "#errors";

const statuses: Record<ErrorKind, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  unsupported_type: 415,
  unprocessable: 422,
  rate_limited: 429,
  internal: 500,
  provider: 502,
  unavailable: 503,
  storage_full: 507,
};

/** Seconds a client is asked to wait, where the fault does not say. */
const retryAfterSeconds: Partial<Record<ErrorKind, number>> = { unavailable: 5, rate_limited: 60 };

function statusOf(error: AppError): number {
  return statuses[error.kind];
}

/** The one body of every fault; `details` of `retry_after_seconds` becomes the header. */
export function errorResponse(error: AppError, requestId: string): Response {
  const wait = error.details?.["retry_after_seconds"] ?? retryAfterSeconds[error.kind];
  return Response.json(
    {
      error: { code: error.code, message: error.message, details: error.details ?? {} },
      request_id: requestId,
    },
    {
      status: statusOf(error),
      headers: {
        "cache-control": "no-store",
        ...(typeof wait === "number" && { "retry-after": String(wait) }),
        ...(error.kind === "unauthorized" && { "www-authenticate": "Bearer" }),
      },
    },
  );
}

export const errorSchema = t.Object(
  {
    error: t.Object({
      code: t.Union(errorCodes.map((code) => t.Literal(code))),
      message: t.String({ description: "For a person: what to do" }),
      details: t.Object(
        {},
        {
          additionalProperties: true,
          description:
            "`errors[]` of `{path,message}` where fields are at fault; `path` where an id is",
        },
      ),
    }),
    request_id: t.String(),
  },
  { title: "Error", description: "A fault; the message says what to do" },
);

/** The faults of a route, for its `response`. What every route can answer is added to the document by itself. */
export function faults<S extends number>(...list: S[]): Record<S, typeof errorSchema> {
  return Object.fromEntries(list.map((status) => [status, errorSchema])) as Record<
    S,
    typeof errorSchema
  >;
}
