import type { IncomingMessage, ServerResponse } from "node:http";
import { detail, gzipAnswer, plainText, type Answer } from "./answers.ts";
import type { RouteFault, RouteName } from "./control.ts";
import { damageAnswer, replacementAnswer } from "./fault-answers.ts";
import { NodeError } from "./nodes/endings.ts";
import { answerUnknown, matchRoute, type Handlers, type RouteRequest } from "./router.ts";
import { ValidationFailure } from "./validation.ts";
import type { World } from "./world.ts";

const gzipFromBytes = 1000;
/** Faults whose answer is complete and correct. */
const completeFaults: ReadonlySet<string> = new Set(["delay", "request_held", "answer_held"]);

type Exchange = {
  route: RouteName | "other";
  request: RouteRequest;
  response: ServerResponse;
  /** Aborts when the client disconnects or the connection is cut. */
  left: AbortSignal;
  /** Aborts when the server stops. */
  down: AbortSignal;
};

/** Serves requests: applies the fault that matches, if any, and runs the route. */
export function createListener(
  world: World,
  handlers: Handlers,
  control: (request: RouteRequest) => Promise<Answer>,
) {
  const open = new Set<ServerResponse>();
  let life = new AbortController();

  async function listen(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    response.on("close", () => {
      open.delete(response);
      left.abort();
    });
    const url = new URL(incoming.url ?? "/", "http://simulator");
    const method = incoming.method ?? "GET";
    const match = matchRoute(method, url.pathname);
    const request: RouteRequest = {
      method,
      url,
      params: match?.params ?? {},
      headers: new Headers(incoming.headers as Record<string, string>),
      body: await readBody(incoming),
    };
    if (url.pathname.startsWith("/__control/")) {
      await send(await guard(() => control(request)), response);
      return;
    }
    open.add(response);
    const route = match?.route ?? "other";
    world.journal.requests[route] = (world.journal.requests[route] ?? 0) + 1;
    const handler = match === undefined ? undefined : handlers[match.route];
    const { accounts } = world;
    const run = async () => {
      const refusal = accounts.refuse(route, request);
      if (refusal !== undefined) return refusal;
      const answer = await guard(() =>
        handler === undefined ? answerUnknown(method) : handler(request),
      );
      return accounts.refresh(request, route, answer);
    };
    const fault = world.faults.strikeRoute(route, url.pathname + url.search);
    const exchange: Exchange = { route, request, response, left: left.signal, down: life.signal };
    if (fault === undefined) await answerCorrectly(exchange, await run());
    else await answerWithFault(exchange, fault, run);
    if (route === "imageFull") {
      const isComplete = fault === undefined || completeFaults.has(fault.kind);
      const sent = isComplete && !left.signal.aborted;
      world.journal.downloads.push({ imageName: request.params.name ?? "", sent });
    }
  }

  async function answerCorrectly({ request, response }: Exchange, answer: Answer): Promise<void> {
    const accepts = request.headers.get("accept-encoding") ?? "";
    const isPicture = answer.headers["content-type"]?.startsWith("image/") ?? false;
    const isWorthIt = !isPicture && answer.body.length >= gzipFromBytes && /\bgzip\b/.test(accepts);
    return send(isWorthIt ? await gzipAnswer(answer) : answer, response);
  }

  async function answerWithFault(
    exchange: Exchange,
    fault: RouteFault,
    run: () => Promise<Answer>,
  ): Promise<void> {
    const { route, response, left, down } = exchange;
    const hold = (phase: "request" | "answer", until = AbortSignal.any([left, down])) =>
      world.heldRequests.wait({ route, phase }, until);
    const standIn = replacementAnswer(fault);
    if (standIn !== undefined) {
      if ("processed" in fault && fault.processed === true) await run();
      return answerCorrectly(exchange, standIn);
    }
    switch (fault.kind) {
      case "unreachable":
        return cut(response);
      case "hang":
        return;
      case "answer_lost":
        await run();
        return cut(response);
      case "delay": {
        const answer = await run();
        await Bun.sleep(fault.delayMs);
        return answerCorrectly(exchange, answer);
      }
      case "request_held":
        await hold("request", fault.outlivesClient === true ? down : undefined);
        if (down.aborted || (left.aborted && fault.outlivesClient !== true)) return;
        return answerCorrectly(exchange, await run());
      case "answer_held": {
        const answer = await run();
        await hold("answer");
        return down.aborted ? undefined : answerCorrectly(exchange, answer);
      }
      case "dripped_body": {
        const { status, headers, body } = await run();
        response.writeHead(status, { ...headers, "content-length": body.length });
        for (let at = 0; at < body.length && !left.aborted && !down.aborted; at += 1) {
          await write(response, body.subarray(at, at + 1));
          await Bun.sleep(fault.everyMs);
        }
        return cut(response);
      }
      case "truncated_body":
      case "stalled_body": {
        const { status, headers, body } = await run();
        response.writeHead(status, { ...headers, "content-length": body.length });
        await write(response, body.subarray(0, Math.floor(body.length / 2)));
        if (fault.kind === "stalled_body") await hold("answer");
        return cut(response);
      }
      case "wrong_length": {
        const { status, headers, body } = await run();
        response.writeHead(status, { ...headers, "content-length": body.length + 100 });
        await write(response, body);
        return cut(response);
      }
      default:
        return answerCorrectly(exchange, await damageAnswer(fault, await run()));
    }
  }

  async function send({ status, headers, body }: Answer, response: ServerResponse): Promise<void> {
    if (response.destroyed) return;
    // HTTP clients retry a GET on their own when a kept-alive connection is cut. With one connection for each request,
    // the fault's count equals the client's attempts.
    const connection = world.faults.hasRouteFaults() ? { connection: "close" } : {};
    response.writeHead(status, { ...headers, ...connection, "content-length": body.length });
    response.end(response.req.method === "HEAD" ? undefined : body);
  }

  return {
    listen,
    /** Cuts every open request and drops the held ones, like a kill. */
    cutAll(): void {
      life.abort();
      life = new AbortController();
      for (const response of open) cut(response);
    },
  };
}

/** Runs a route and converts thrown errors to the real server's answers. */
async function guard(run: () => Answer | Promise<Answer>): Promise<Answer> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ValidationFailure) return detail(422, error.problems);
    if (error instanceof NodeError) return detail(404, "Not Found");
    console.error(error);
    return plainText(500, "Internal Server Error");
  }
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    response.write(bytes, () => resolve());
  });
}

// Destroy the socket, not the response: Bun ends a destroyed response without headers as an empty 200.
function cut(response: ServerResponse): void {
  response.req.socket.destroy();
}
