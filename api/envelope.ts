import { AppError, invalid, notFound } from "#errors";
import { checkHost, checkOrigin, checkOwner } from "./auth";
import { createCors } from "./cors";
import { isCut } from "./body-stream";
import { unlessDatabaseIsAway } from "./database-watch";
import type { ApiDeps } from "./deps";
import { answerFault } from "./errors";
import { markHead } from "./head-request";
import { isJson, notJson } from "./json-body";
import { createOwnerSessions } from "./owner-session";
import { createClientReader, isLocal, keepClient } from "./peer";
import { requestIdOf } from "./request-id";
import type { createRouteTable, RouteMatch } from "./route-table";

const maxUrlLength = 8_192;

/** In force on every answer; a route may set its own, such as the policy of a page. */
const defaultHeaders = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  "cache-control": "private, no-cache",
};

type Handler = (request: Request) => Response | Promise<Response>;

/**
 * What is the same for every request, known route or not: who may call, before any body is read; the
 * request id; headers of safety; HEAD by way of GET; one log line that names the route's pattern and
 * never the address, which may hold a share link's key.
 */
export function createEnvelope(
  deps: ApiDeps,
  matchRoute: ReturnType<typeof createRouteTable>,
): (next: Handler, request: Request) => Promise<Response> {
  const readClient = createClientReader(deps.config.http.trustedProxies);
  const sessions = createOwnerSessions(deps);
  const cors = createCors(deps.config);

  return async function handle(next, request) {
    const startedAt = performance.now();
    readClient(request);
    const match = matchRoute(request.method, pathOf(request.url));
    const response = await answer(next, request, match);
    const requestId = requestIdOf(request);
    for (const [name, value] of Object.entries(defaultHeaders)) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    response.headers.set("x-request-id", requestId);
    cors.dress(request, match, response.headers);
    if (isCut(request)) response.headers.set("connection", "close");
    const ms = performance.now() - startedAt;
    const told = {
      method: request.method,
      route: match.route?.path ?? null,
      status: response.status,
    };
    deps.metrics.countRequest({ ...told, seconds: ms / 1_000 });
    deps.log.info({ ...told, ms: Math.round(ms), request_id: requestId }, "request");
    return response;
  };

  async function answer(next: Handler, request: Request, match: RouteMatch): Promise<Response> {
    try {
      checkHost(request, deps.config);
      const preflight = cors.answerPreflight(request, match);
      if (preflight) return preflight;
      await unlessDatabaseIsAway(admit(request, match), deps.databaseIsAway);
      if (request.method !== "HEAD") {
        return await unlessDatabaseIsAway(next(request), deps.databaseIsAway);
      }
      const asGet = new Request(request, { method: "GET" });
      asGet.headers.set("x-request-id", requestIdOf(request));
      markHead(asGet);
      keepClient(request, asGet);
      return withoutBody(await unlessDatabaseIsAway(next(asGet), deps.databaseIsAway));
    } catch (error) {
      const fault = answerFault(error, request, deps.log);
      if (fault.status === 405) fault.headers.set("allow", match.allow.join(", "));
      return fault;
    }
  }

  async function admit(request: Request, { route, allow }: RouteMatch): Promise<void> {
    const access = route?.access ?? "owner";
    const isAdmitted = access === "loopback" && isLocal(request);
    if (!isAdmitted && (access === "owner" || access === "loopback"))
      await checkOwner(request, deps.config, sessions);
    // Another site can borrow nothing at a visitor's door; its own form even comes from `Origin: null`.
    if (access !== "visitor") checkOrigin(request, deps.config);
    if (request.url.length > maxUrlLength) {
      throw invalid("The address is too long.", [
        { path: "url", message: `at most ${maxUrlLength} characters` },
      ]);
    }
    checkNul(request.url);
    if (allow.length === 0) throw notFound("route");
    if (!route) throw methodNotAllowed(allow);
    const type = request.headers.get("content-type")?.split(";", 1)[0];
    if (route.takesJson && type !== undefined && !isJson(type)) throw notJson();
  }
}

/** Headers of the answer a GET would get, with the true length of what is left out. */
async function withoutBody(full: Response): Promise<Response> {
  const { headers, status } = full;
  const type = headers.get("content-type") ?? "";
  // An archive whose length nobody knows is not made for the sake of it.
  const isEndless = type.startsWith("text/event-stream") || type === "application/zip";
  if (isEndless || headers.has("content-length")) await full.body?.cancel();
  else if (full.body) headers.set("content-length", `${(await full.arrayBuffer()).byteLength}`);
  return new Response(null, { status, headers });
}

/** The path of an absolute URL, as the router sees it. */
function pathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", from);
  return url.slice(from, query === -1 ? undefined : query);
}

/** Postgres holds no NUL: a path with one names nothing, a parameter with one is at fault. */
function checkNul(url: string): void {
  if (!url.includes("%00")) return;
  if (pathOf(url).includes("%00")) throw notFound("thing");
  throw invalid("A parameter of the address holds a NUL.", [
    { path: "query", message: "holds a NUL" },
  ]);
}

function methodNotAllowed(allow: string[]): AppError {
  return new AppError({
    kind: "method_not_allowed",
    code: "method_not_allowed",
    message: `This path takes ${allow.join(", ")}.`,
  });
}
