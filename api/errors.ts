import { Elysia, NotFoundError, ParseError, ValidationError } from "elysia";
import type { Logger } from "pino";
import { AppError, type FieldFault, invalid, notFound } from "#errors";
import { databaseUnavailable, isDatabaseAway } from "./database-faults";
import { errorResponse } from "./error-body";
import { requestIdOf } from "./request-id";
import { lengthWanted } from "./text-length";

/** Whatever was thrown, as a fault we can name; what nobody foresaw is a 500 without detail. */
export function toAppError(error: unknown, request?: Request): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ParseError) return parseFault(error);
  if (error instanceof ValidationError) return validationFault(error, request);
  if (error instanceof NotFoundError) return notFound("route");
  if (isDatabaseAway(error)) return databaseUnavailable(error);
  return new AppError({
    kind: "internal",
    code: "server_error",
    message: "Something went wrong on this server; its log has the details under this request id.",
    cause: error,
  });
}

/** The answer to a fault, and the log line of those that are ours. */
export function answerFault(thrown: unknown, request: Request, log: Logger): Response {
  const error = toAppError(thrown, request);
  const requestId = requestIdOf(request);
  if (error.kind === "internal" || error.kind === "storage_full") {
    log.error({ request_id: requestId, faults: describe(error) }, "fault");
  } else if (error.kind === "unavailable") {
    log.warn({ request_id: requestId, code: error.code }, "unavailable");
  }
  return errorResponse(error, requestId);
}

/** Goes before the modules: routes that were added earlier do not get it. */
export function createErrorsPlugin(log: Logger) {
  // Tested by class: Elysia looks at an error's own `code` first, and ours would mislead it.
  return new Elysia({ name: "errors" }).onError({ as: "global" }, ({ error, request }) =>
    answerFault(error, request, log),
  );
}

function parseFault(error: ParseError): AppError {
  if (error.cause instanceof AppError) return error.cause;
  return invalid("The body could not be read; send JSON.", [
    { path: "", message: "not readable as JSON" },
  ]);
}

function validationFault(error: ValidationError, request: Request | undefined): AppError {
  // A malformed id in a path names nothing there is.
  if (error.type === "params") return notFound("thing");
  if (error.type === "response") {
    return new AppError({
      kind: "internal",
      code: "server_error",
      message: "The answer could not be built; the server's log has the details.",
      cause: error,
    });
  }
  const isOfOne = (error.type as string) === "property";
  const seen = new Map<string, FieldFault>();
  for (const fault of error.all) {
    if (!("path" in fault)) continue;
    const path = isOfOne ? parameterOf(request, error.value) : dotted(String(fault.path));
    if (!seen.has(path)) seen.set(path, { path, message: messageOf(fault) });
  }
  const what = error.type === "body" ? "body" : "query";
  return invalid(`The ${what} is not as expected; see details.errors.`, [...seen.values()]);
}

/** Elysia does not tell which parameter it could not convert, only its value. */
function parameterOf(request: Request | undefined, value: unknown): string {
  const query = new URL(request?.url ?? "http://localhost").searchParams;
  const isIt = (given: string) => given === String(value) || Number(given) === value;
  return [...query].find(([, given]) => isIt(given))?.[0] ?? "";
}

/** Of a parameter that comes as text the schema is a union with text, which tells a reader nothing. */
function messageOf(fault: { message?: unknown; schema?: unknown; value?: unknown }): string {
  if ("value" in fault && fault.value === undefined) return "Required, and missing";
  const { anyOf } = (fault.schema ?? {}) as { anyOf?: { type?: string; const?: unknown }[] };
  const length = [fault.schema, ...(anyOf ?? [])].map(lengthWanted).find(Boolean);
  if (length !== undefined) return length;
  const literals = anyOf?.flatMap((one) => ("const" in one ? [String(one.const)] : [])) ?? [];
  if (literals.length > 0) return `Expected one of ${literals.join(", ")}`;
  const types = anyOf?.flatMap(({ type }) => (type && type !== "string" ? [type] : [])) ?? [];
  return types.length > 0 ? `Expected ${types.join(" or ")}` : String(fault.message);
}

/** `/parameters/loras/0` → `parameters.loras.0`. */
function dotted(pointer: string): string {
  return pointer.replace(/^\//, "").replaceAll("/", ".");
}

/** Name, code and stack down the causes; a failed query's own message holds its parameters and is left out. */
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
