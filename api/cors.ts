import type { Config } from "#config";
import type { RouteMatch } from "./route-table";

const methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
/** What our routes read, besides what a browser may always send. */
const requestHeaders =
  "Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Range, X-Request-Id";
/** What a script may read, besides what it always may. */
const answerHeaders =
  "Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Retry-After, X-Request-Id";
const preflightSeconds = "600";

/** CORS (Fetch standard, 3.2) for the front ends of `CORS_ORIGINS`; to all others nothing is said. */
export function createCors({ http: { corsOrigins } }: Config) {
  const isListed = (origin: string | null) => origin !== null && corsOrigins.includes(origin);

  return {
    /** The answer to the question that a browser asks before a request; undefined when it is none of a front end's. */
    answerPreflight(request: Request, { isForVisitors }: RouteMatch): Response | undefined {
      const isAsked =
        request.method === "OPTIONS" && request.headers.has("access-control-request-method");
      if (!isAsked || isForVisitors || !isListed(request.headers.get("origin"))) return undefined;
      // All methods and paths: what is not there says so itself, where a script can read it.
      return new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-methods": methods,
          "access-control-allow-headers": requestHeaders,
          "access-control-max-age": preflightSeconds,
        },
      });
    },

    /** Lets a front end read an answer, whatever it is; pages for visitors are nobody's to read. */
    dress(request: Request, { isForVisitors }: RouteMatch, headers: Headers): void {
      if (corsOrigins.length === 0 || isForVisitors) return;
      headers.append("vary", "Origin");
      const origin = request.headers.get("origin");
      if (origin === null || !isListed(origin)) return;
      headers.set("access-control-allow-origin", origin);
      // The list is exact and the owner's own, so its pages may use his cookie.
      headers.set("access-control-allow-credentials", "true");
      headers.set("access-control-expose-headers", answerHeaders);
    },
  };
}
