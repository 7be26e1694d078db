import { connect, createServer, type Socket } from "node:net";

/**
 * A TCP proxy that a test can cut, like a server that is gone, or stall, like a server that is stopped. Each packet of an answer
 * arrives `answerDelayMs` later, like that of a busy server.
 */
export async function startTcpProxy(
  target: { host: string; port: number },
  { answerDelayMs = 0 } = {},
) {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isStalled = false;
  let refused = 0;
  let answersLeft = Infinity;
  const endAll = () => sockets.forEach((socket) => socket.destroy());
  const server = createServer((inside) => {
    if (isCut) {
      refused++;
      inside.destroy();
      return;
    }
    const outside = connect(target.port, target.host);
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(one);
      if (one === outside && answerDelayMs > 0) {
        one.on("data", (data) => setTimeout(() => other.write(data), answerDelayMs));
      } else {
        one.pipe(other);
      }
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      if (isStalled) one.pause();
    }
    outside.on("data", () => {
      answersLeft -= 1;
      // After this packet was forwarded.
      if (answersLeft === 0) setImmediate(endAll);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    /** The same address through this proxy. */
    through: (url: string): string => {
      const inside = new URL(url);
      inside.hostname = "127.0.0.1";
      inside.port = String(port);
      return inside.href;
    },
    /** Closes all connections and accepts none until `restore`. */
    cut(): void {
      isCut = true;
      endAll();
    },
    /** Closes all connections as soon as the server has sent this many packets; new ones are accepted at once. */
    cutAfter(answers: number): void {
      answersLeft = answers;
    },
    restore(): void {
      isCut = false;
    },
    /** How many connections were refused while the proxy was cut. */
    refused: () => refused,
    /** Connections stay open and new ones are accepted, but no data is forwarded until `resume`. */
    stall(): void {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    resume(): void {
      isStalled = false;
      for (const socket of sockets) socket.resume();
    },
    /** Closes all connections and the port. */
    async stop(): Promise<void> {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      endAll();
      await closed;
    },
  };
}
