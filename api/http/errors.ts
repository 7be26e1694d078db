import { NotFoundError, ParseError, ValidationError } from "elysia";
import type { Logger } from "pino";
import { AppError, invalid, notFound } from "#errors";
import { databaseUnavailable, isDatabaseAway } from "./database-faults";
import { errorResponse } from "./error-body";
import { createModule } from "./module";
import { fieldFaults } from "../fields/field-faults";

/** Converts anything thrown to an `AppError`; an unexpected error becomes a 500 without detail. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ParseError) return parseFault(error);
  if (error instanceof ValidationError) return validationFault(error);
  if (error instanceof NotFoundError) return notFound("route");
  if (isDatabaseAway(error)) return databaseUnavailable(error);
  return new AppError({
    kind: "internal",
    code: "server_error",
    message: "Something went wrong on this server; its log has the details under this request id.",
    cause: error,
  });
}

/** Converts an error to its answer, and logs those that are the server's own fault. */
export function answerFault(thrown: unknown, requestId: string, log: Logger): Response {
  const error = toAppError(thrown);
  if (error.kind === "internal" || error.kind === "storage_full") {
    log.error({ request_id: requestId, faults: describe(error) }, "fault");
  } else if (error.kind === "unavailable") {
    log.warn({ request_id: requestId, code: error.code }, "unavailable");
  }
  return errorResponse(error, requestId);
}

/** Must be added before the modules: it does not apply to routes that were added earlier. */
export function createErrorsPlugin(log: Logger) {
  // `toAppError` tests by class: Elysia's own dispatch reads `error.code` first, which means something else on `AppError`.
  return createModule({ name: "errors" }).onError({ as: "global" }, ({ error, incoming }) =>
    answerFault(error, incoming.id, log),
  );
}

function parseFault(error: ParseError): AppError {
  if (error.cause instanceof AppError) return error.cause;
  return invalid("The body could not be read; send JSON.", [
    { path: "", message: "not readable as JSON" },
  ]);
}

function validationFault(error: ValidationError): AppError {
  // A malformed id in a path is answered like an unknown one.
  if (error.type === "params") return notFound("thing");
  if (error.type === "response") {
    return new AppError({
      kind: "internal",
      code: "server_error",
      message: "The answer could not be built; the server's log has the details.",
      cause: error,
    });
  }
  const faults = error.all.flatMap((fault) =>
    "path" in fault ? { ...fault, path: String(fault.path) } : [],
  );
  const what = error.type === "body" ? "body" : "query";
  return invalid(`The ${what} is not as expected; see details.errors.`, [...fieldFaults(faults)]);
}

/** Name, code, message and stack of an error and its causes; a failed query's message is left out: it holds parameters. */
function describe(error: unknown): Record<string, unknown>[] {
  const list: Record<string, unknown>[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const isQuery = at.constructor.name === "DrizzleQueryError";
    list.push({
      name: at.constructor.name,
      ...("code" in at && { code: at.code }),
      ...(!isQuery && { message: at.message.slice(0, 500) }),
      stack: at.stack?.split("\n").slice(1, 8).join("\n"),
    });
  }
  return list;
}
