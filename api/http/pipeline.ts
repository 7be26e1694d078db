import { inSpanOf, type Tracer } from "#tracing/spans";
import { AppError, invalid, notFound } from "#errors";
import { createLengthCheck } from "./bodies/content-length";
import { checkHost, checkOrigin, checkOwner } from "./auth";
import { createClientReader, isLocal } from "./client";
import { createCors } from "./cors";
import { unlessDatabaseIsAway } from "./database-watch";
import type { RouteDeps } from "../deps";
import { createRequestLog } from "../log";
import type { EdgeLimits } from "./edge-limits";
import { addDefaultHeaders } from "./responses/default-headers";
import { answerFault } from "./errors";
import { isJson, notJson } from "./bodies/json-body";
import { stepFormBoundary } from "./bodies/step-form";
import { answerNoLink } from "../modules/shares/no-link";
import { type Connection, IncomingRequest } from "./request";
import { isAmbiguousPath, pathOf, refusePath, segmentsOf } from "./request-path";
import type { createRouter, Route, RouteMatch } from "./routes";
import { createVisitorLimit } from "./visitor-limit";

const maxUrlLength = 8_192;

/** The match of an ambiguous path, which is refused even where it resembles a route. */
const noRoute: RouteMatch = {
  route: undefined,
  params: {},
  access: "owner",
  allow: [],
  isForVisitors: false,
};

/**
 * Handles what is the same for every request, whether a route matches or not: access, checked before any body is read;
 * the request id; security headers; HEAD as GET without its body; one log line, which has the route's pattern and never
 * the URL, as that may hold a share link's key.
 */
export function createPipeline(
  deps: RouteDeps,
  findRoute: ReturnType<typeof createRouter>,
  limits: EdgeLimits,
): (request: Request, connection?: Connection) => Promise<Response> {
  const { config, databaseIsAway, log, metrics, ownerSessions, tracer } = deps;
  const readClient = createClientReader(config.http.trustedProxies);
  const cors = createCors(config);
  const admitVisitor = createVisitorLimit(limits.requestsPerVisitor);
  const checkLength = createLengthCheck(config);
  const logRequest = createRequestLog(log);

  return async function handle(request, connection) {
    const startedAt = performance.now();
    const client = readClient(request, connection?.address);
    const incoming = new IncomingRequest(request, { client, connection, bodyLimits: limits });
    const path = pathOf(request.url);
    const segments = segmentsOf(path);
    const isAmbiguous = isAmbiguousPath(path, segments, connection?.sentSegments);
    const match = isAmbiguous ? noRoute : findRoute(request.method, path, segments);
    const response = await (tracer
      ? answerTraced(tracer, incoming, match)
      : answer(incoming, match));
    const { headers } = response;
    addDefaultHeaders(headers);
    headers.set("x-request-id", incoming.id);
    cors.setHeaders(request, match, headers);
    if (incoming.isBodyCut) headers.set("connection", "close");
    const ms = performance.now() - startedAt;
    const { method } = request;
    const { status } = response;
    const route = match.route?.path ?? null;
    metrics.countRequest({ method, route, status, seconds: ms / 1_000 });
    logRequest({ method, route, status, ms: Math.round(ms), id: incoming.id });
    return response;
  };

  /** A trace begins here: one that a client names is not continued. */
  function answerTraced(tracer: Tracer, incoming: IncomingRequest, match: RouteMatch) {
    const { method } = incoming.request;
    const route = match.route?.path ?? "no route";
    const facts = { "http.request.method": method, "http.route": route, "request.id": incoming.id };
    const start = { name: `${method} ${route}`, kind: "server", facts } as const;
    return inSpanOf(tracer, start, undefined, async (set) => {
      const response = await answer(incoming, match);
      set({ "http.response.status_code": response.status });
      return response;
    });
  }

  async function answer(incoming: IncomingRequest, match: RouteMatch): Promise<Response> {
    try {
      checkHost(incoming.client, config);
      if (match === noRoute) refusePath();
      const preflight = cors.answerPreflight(incoming.request, match);
      if (preflight) return preflight;
      if (match.isForVisitors && match.allow.length === 0) {
        const gone = await answerNoLink(incoming);
        return incoming.isHead ? await withoutBody(gone) : gone;
      }
      const route = admit(incoming, match);
      const work = () => respond(incoming, route, match);
      return await (route.access === "visitor" ? admitVisitor(incoming.client, work) : work());
    } catch (error) {
      const fault = answerFault(error, incoming.id, log);
      if (fault.status === 405) fault.headers.set("allow", match.allow.join(", "));
      return fault;
    }
  }

  async function respond(
    incoming: IncomingRequest,
    route: Route,
    { params }: RouteMatch,
  ): Promise<Response> {
    const early = await route.answerEarly?.(incoming, params);
    const full =
      early ?? (await unlessDatabaseIsAway(() => route.answer(incoming, params), databaseIsAway));
    return incoming.isHead ? withoutBody(full) : full;
  }

  /** @throws AppError for a request without access, or without a matching route */
  function admit(incoming: IncomingRequest, match: RouteMatch): Route {
    const { request } = incoming;
    const { route, allow } = match;
    const access = route?.access ?? match.access;
    const isAdmitted = access === "loopback" && isLocal(request, incoming.client);
    if (!isAdmitted && (access === "owner" || access === "loopback")) {
      checkOwner(request, config, ownerSessions);
    }
    // Visitor routes are exempt: another site gains nothing from them, and their own form is sent with `Origin: null`.
    if (access !== "visitor") checkOrigin(incoming, config);
    incoming.isOpenToAll = access === "visitor" || access === "open";
    if (request.url.length > maxUrlLength) {
      throw invalid("The address is too long.", [
        { path: "url", message: `at most ${maxUrlLength} characters` },
      ]);
    }
    checkNul(request.url);
    if (allow.length === 0) throw notFound("route");
    if (!route) throw methodNotAllowed(allow);
    checkLength(incoming, route.body);
    incoming.takesStepForm = route.body === "step";
    const type = request.headers.get("content-type")?.split(";", 1)[0];
    const isForm = stepFormBoundary(incoming) !== undefined;
    if (route.takesJson && type !== undefined && !isJson(type) && !isForm) throw notJson();
    return route;
  }
}

/** The answer to a HEAD request: the headers of the GET answer, with the length of the omitted body. */
async function withoutBody(full: Response): Promise<Response> {
  const { headers, status } = full;
  const type = headers.get("content-type") ?? "";
  // An event stream has no length, and an archive is not built only to learn its length.
  const isEndless = type.startsWith("text/event-stream") || type === "application/zip";
  const isKnown = headers.has("content-length");
  if (isEndless || isKnown) await full.body?.cancel();
  else if (full.body) headers.set("content-length", `${(await full.arrayBuffer()).byteLength}`);
  // Bun would announce a length of 0.
  if (isEndless && !isKnown) headers.set("transfer-encoding", "chunked");
  return new Response(null, { status, headers });
}

/** Postgres cannot store NUL: 404 for a path with one, 400 for a query parameter with one. */
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
