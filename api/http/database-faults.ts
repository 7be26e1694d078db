import { AppError } from "#errors";

/** Error codes of postgres.js, the socket and Postgres that mean: the database cannot be reached. */
const away = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "EPIPE",
  "CONNECT_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "ERR_SOCKET_CLOSED",
  "53300", // too many connections
  "57P01", // admin shutdown
  "57P02", // crash shutdown
  "57P03", // cannot connect now: Postgres is starting up
]);

/** Whether an error, or one of its causes, says that the database cannot be reached. */
export function isDatabaseAway(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && (away.has(code) || /^08...$/.test(code))) return true;
  }
  return false;
}

export function databaseUnavailable(cause?: unknown): AppError {
  return new AppError({
    kind: "unavailable",
    code: "database_unavailable",
    message: "The database does not answer; try again in a few seconds.",
    cause,
  });
}
