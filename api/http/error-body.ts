import { t } from "elysia";
import { type AppError, errorCodes, type ErrorKind } from "#errors";
import { oneOf } from "../fields/one-of";

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

/** `Retry-After` in seconds, for errors that do not set their own. */
const retryAfterSeconds: Partial<Record<ErrorKind, number>> = { unavailable: 5, rate_limited: 60 };

function statusOf(error: AppError): number {
  return statuses[error.kind];
}

/** The body of every error; `details.retry_after_seconds` also becomes the `Retry-After` header. */
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
      code: oneOf(errorCodes),
      message: t.String({ description: "For people: what happened, what to do" }),
      details: t.Object(
        {},
        {
          additionalProperties: true,
          description:
            "`errors[]` of `{path,message}` for invalid fields; `path` for an unknown id",
        },
      ),
    }),
    request_id: t.String(),
  },
  { title: "Error", description: "An error; the message says what to do" },
);

/** The errors of a route, for its `response`. Errors common to all routes are added to the document automatically. */
export function faults<S extends number>(...list: S[]): Record<S, typeof errorSchema> {
  return Object.fromEntries(list.map((status) => [status, errorSchema])) as Record<
    S,
    typeof errorSchema
  >;
}
