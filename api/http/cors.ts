import type { Config } from "#config";
import type { RouteMatch } from "./routes";

const methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
/** The request headers that routes read, besides those that CORS always allows. */
const requestHeaders =
  "Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Range, X-Request-Id";
/** The response headers that a script may read, besides those that CORS always exposes. */
const answerHeaders =
  "Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Retry-After, X-Request-Id";
const preflightSeconds = "600";

/** CORS (Fetch standard, 3.2) for the front ends of `CORS_ORIGINS`; other origins get no CORS headers. */
export function createCors({ http: { corsOrigins } }: Config) {
  const isListed = (origin: string | null) => origin !== null && corsOrigins.includes(origin);

  return {
    /** The answer to a preflight request of a listed front end; undefined for any other request. */
    answerPreflight(request: Request, { isForVisitors }: RouteMatch): Response | undefined {
      const isPreflight =
        request.method === "OPTIONS" && request.headers.has("access-control-request-method");
      if (!isPreflight || isForVisitors || !isListed(request.headers.get("origin")))
        return undefined;
      // Any method and path is allowed: a 404 or 405 of the request itself can then be read by the script.
      return new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-methods": methods,
          "access-control-allow-headers": requestHeaders,
          "access-control-max-age": preflightSeconds,
        },
      });
    },

    /** Lets a listed front end read any answer, except those of visitor routes. */
    setHeaders(request: Request, { isForVisitors }: RouteMatch, headers: Headers): void {
      if (corsOrigins.length === 0 || isForVisitors) return;
      headers.append("vary", "Origin");
      const origin = request.headers.get("origin");
      if (origin === null || !isListed(origin)) return;
      headers.set("access-control-allow-origin", origin);
      // The owner lists these origins exactly, so their pages may use the owner's session cookie.
      headers.set("access-control-allow-credentials", "true");
      headers.set("access-control-expose-headers", answerHeaders);
    },
  };
}
