import type { LogLine, PodLog } from "./logs.ts";
import { Problem } from "./problems.ts";
import type { ApiRequest, StreamAnswer } from "./router.ts";

const defaultTail = 100;
const longestTail = 5000;
const keepAliveMs = 15_000;

/** Server-sent events: earlier lines, then new ones, without end. @throws Problem 422 for a wrong parameter */
export function podLogStream(log: PodLog, { url, headers }: ApiRequest): StreamAnswer {
  const source = url.searchParams.get("source");
  if (source !== null && source !== "container" && source !== "system") {
    throw new Problem(422, "invalid request: source", ["source: container or system"]);
  }
  const tail = Number(url.searchParams.get("tail") ?? defaultTail);
  if (!Number.isInteger(tail) || tail < 0 || tail > longestTail) {
    throw new Problem(422, "invalid request: tail", [`tail: between 0 and ${longestTail}`]);
  }
  const cursor = headers.get("last-event-id") ?? url.searchParams.get("since");
  const cursorMs = cursor === null ? undefined : Date.parse(cursor);
  if (Number.isNaN(cursorMs)) throw new Problem(422, "invalid request: since", ["since: a time"]);
  const isWanted = (line: LogLine) => source === null || line.source === source;

  return {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    },
    start(send, closed) {
      const earlier = log.lines().filter(isWanted);
      const resumed =
        cursorMs === undefined
          ? earlier.slice(earlier.length - Math.min(tail, earlier.length))
          : earlier.filter(({ at }) => at > cursorMs);
      send(": connected\n\n");
      for (const line of resumed) send(event(line));
      const unsubscribe = log.subscribe((line) => {
        if (isWanted(line)) send(event(line));
      });
      const keepAlive = setInterval(() => send(": keep-alive\n\n"), keepAliveMs);
      closed.addEventListener("abort", () => {
        clearInterval(keepAlive);
        unsubscribe();
      });
    },
  };
}

function event({ source, line, at }: LogLine): string {
  const ts = new Date(at).toISOString();
  return `id: ${ts}\ndata: ${JSON.stringify({ source, line, ts })}\n\n`;
}
