import { type LoadResult, summarise } from "./latencies";
import { answerScript } from "./script";

type Load = { url: string; paths: string[]; connections: number; seconds: number };

const headersEnd = Buffer.from("\r\n\r\n");

/**
 * Requests the paths in turn over kept-alive connections, each with one request at a time. Raw sockets, because an
 * HTTP client would take CPU time from the server.
 */
async function load({ url, paths, connections, seconds }: Load): Promise<LoadResult> {
  const { hostname, port, host } = new URL(url);
  const requests = paths.map((path) =>
    Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  );
  const latencies: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  let next = 0;

  await Promise.all(Array.from({ length: connections }, () => runConnection()));
  const elapsed = (performance.now() - startedAt) / 1_000;
  return summarise(latencies, elapsed);

  async function runConnection(): Promise<void> {
    const ended = Promise.withResolvers<void>();
    let askedAt = 0;
    let head: Buffer = Buffer.alloc(0);
    let missing = -1;
    const ask = (socket: Bun.Socket) => {
      askedAt = performance.now();
      socket.write(requests[next++ % requests.length]!);
    };
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data(self, chunk) {
          if (missing < 0) {
            head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
            const at = head.indexOf(headersEnd);
            if (at < 0) return;
            missing = bodyBytes(head.toString("latin1", 0, at)) - (head.length - at - 4);
            head = Buffer.alloc(0);
          } else {
            missing -= chunk.length;
          }
          if (missing > 0) return;
          missing = -1;
          const now = performance.now();
          latencies.push(now - askedAt);
          if (now < endsAt) ask(self);
          else self.end();
        },
        close: () => ended.resolve(),
        error: (_, error) => ended.reject(error),
      },
    });
    ask(socket);
    await ended.promise;
    if (performance.now() < endsAt) throw new Error("the server closed a connection");
  }
}

function bodyBytes(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (!head.startsWith("HTTP/1.1 200") || length === undefined) {
    throw new Error(`an unexpected response: ${head.slice(0, 300)}`);
  }
  return Number(length);
}

await answerScript(load);
