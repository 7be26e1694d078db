import type { IncomingMessage, ServerResponse } from "node:http";
import { html, json, type Answer } from "../invokeai/answers.ts";
import type { createHolds } from "../invokeai/holds.ts";
import type { LedgerCall, RouteFault, RouteName } from "./control.ts";
import type { Faults } from "./faults.ts";
import { terminatedPodId } from "./graphql.ts";
import type { Keys } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { Problem, problem } from "./problems.ts";
import type { createRateLimit } from "./rate-limit.ts";
import { type ApiRequest, type Handlers, matchRoute, type StreamAnswer } from "./router.ts";

/** A request and its answer, for a check against the published specification. */
export type Exchange = { request: ApiRequest; route: RouteName | "other"; answer: Answer };

/** A request under `/__control/`, which needs no key. */
export type ControlRequest = Pick<ApiRequest, "method" | "url" | "body">;

export type Held = { route: RouteName | "other"; phase: "request" | "answer" };

export type ListenerDeps = {
  faults: Faults;
  keys: Keys;
  ledger: Ledger;
  rateLimit: ReturnType<typeof createRateLimit>;
  handlers: Handlers;
  control: (request: ControlRequest) => Answer;
  held: ReturnType<typeof createHolds<Held>>;
  onExchange?: ((exchange: Exchange) => void) | undefined;
};

/** Clients that the edge takes for robots. */
const refusedAgents = /^Python-urllib\//;
const controlPrefix = "/__control/";

/** Serves the API: authentication, limits, faults and routes; each request gets a line in the ledger. */
export function createListener(deps: ListenerDeps) {
  const { faults, keys, ledger, held } = deps;

  return async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const closed = new AbortController();
    response.on("close", () => closed.abort());
    const url = new URL(incoming.url ?? "/", "http://simulator");
    const method = incoming.method ?? "GET";
    const headers = new Headers(incoming.headers as Record<string, string>);
    const match = matchRoute(method, url.pathname);
    const { route, params } = match;
    const body = await readBody(incoming);
    if (url.pathname.startsWith(controlPrefix)) {
      send(await attempt(() => deps.control({ method, url, body })), response);
      return;
    }
    const identity = keys.identify(headers, url);
    const request: ApiRequest = { method, url, params, headers, body, identity };
    const call = ledger.open(request, route, identity, podOf(request, route));
    if (identity.kind !== "pod" && isCut(faults)) return cut(response);
    if (refusedAgents.test(headers.get("user-agent") ?? "")) {
      call.status = 403;
      return send(html(403, gatewayPage(403)), response);
    }

    async function run(): Promise<Answer | StreamAnswer> {
      const { headers: limitHeaders, waitSeconds } =
        identity.kind === "none" || identity.kind === "unknown"
          ? { headers: {}, waitSeconds: undefined }
          : deps.rateLimit.count();
      const answer = await attempt(() => {
        if (waitSeconds !== undefined) throw new Problem(429, "rate limit exceeded");
        keys.authorize(identity, route, podOf(request, route));
        if (route !== "other") return deps.handlers[route](request);
        if (match.allow.length > 0) throw new Problem(405, "the method is not allowed here");
        throw new Problem(404, "not found");
      });
      const more: Record<string, string> = { ...limitHeaders };
      if (waitSeconds !== undefined) more["retry-after"] = String(waitSeconds);
      if (match.allow.length > 0) more["allow"] = match.allow.join(", ");
      return { ...answer, headers: { ...answer.headers, ...more } };
    }

    const fault = faults.strikeRoute(route);
    const outcome = await (fault === undefined ? run() : runWithFault(fault, run));
    if (outcome === "cut") return cut(response);
    if (outcome === "silent") return;
    if ("start" in outcome) return stream(outcome);
    // Their answers do not claim to be the API's.
    const isForeign = fault?.kind === "html" || fault?.kind === "odd_body";
    if (!isForeign) deps.onExchange?.({ request, route, answer: outcome });
    note(call, outcome);
    send(outcome, response);

    async function runWithFault(
      { ...active }: RouteFault,
      process: () => Promise<Answer | StreamAnswer>,
    ): Promise<Answer | StreamAnswer | "cut" | "silent"> {
      if ("processed" in active && active.processed === true) await process();
      switch (active.kind) {
        case "unreachable":
          return "cut";
        case "hang":
          return "silent";
        case "answer_lost":
          await process();
          return "cut";
        case "delay": {
          const answer = await process();
          await Bun.sleep(active.delayMs);
          return answer;
        }
        case "request_held":
          await held.wait({ route, phase: "request" }, closed.signal);
          return closed.signal.aborted ? "silent" : process();
        case "answer_held": {
          const answer = await process();
          await held.wait({ route, phase: "answer" }, closed.signal);
          return answer;
        }
        case "status":
          return problem(new Problem(active.status, active.detail ?? "the request failed"));
        case "rate_limited": {
          const answer = problem(new Problem(429, "rate limit exceeded"));
          const after = String(active.retryAfterSeconds);
          return { ...answer, headers: { ...answer.headers, "retry-after": after } };
        }
        case "html":
          return html(active.status, gatewayPage(active.status));
        case "odd_body":
          return json({ data: null });
      }
    }

    function stream({ headers: streamHeaders, start }: StreamAnswer): void {
      call.status = 200;
      response.writeHead(200, streamHeaders);
      response.flushHeaders();
      start((text) => void response.write(text), closed.signal);
    }
  };
}

const isCut = (faults: Faults): boolean =>
  faults.strike("network_cut", ({ of }) => of !== "proxy") !== undefined;

/** The pod that the request names. */
function podOf({ params, body, url }: ApiRequest, route: RouteName | "other"): string | undefined {
  if (route === "graphql") return terminatedPodId(body);
  return url.pathname.startsWith("/v2/pods/") ? params["id"] : undefined;
}

function note(call: LedgerCall, answer: Answer): void {
  call.status = answer.status;
  if (call.route !== "createPod" || answer.status !== 201) return;
  call.podId = (JSON.parse(answer.body.toString("utf8")) as { id: string }).id;
}

async function attempt<T extends Answer | StreamAnswer>(
  run: () => T | Promise<T>,
): Promise<T | Answer> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Problem) return problem(error);
    console.error(error);
    return problem(new Problem(500, "internal error"));
  }
}

function gatewayPage(status: number): string {
  const words = status === 403 ? "error code: 1010" : `${status} Bad Gateway`;
  return `<html><head><title>${words}</title></head><body><h1>${words}</h1></body></html>`;
}

function send(answer: Answer | StreamAnswer, response: ServerResponse): void {
  if (!("body" in answer) || response.destroyed) return;
  const length = answer.status === 204 ? {} : { "content-length": answer.body.length };
  response.writeHead(answer.status, { ...answer.headers, ...length });
  response.end(answer.body);
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

// Destroy the socket, not the response: Bun ends a destroyed response without headers as an empty 200.
function cut(response: ServerResponse): void {
  response.req.socket.destroy();
}
