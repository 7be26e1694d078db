import { connect, createServer, type Socket } from "node:net";

/**
 * A TCP line that can go silent: connections stay, and new ones are taken, but nothing comes through,
 * as with a server that was stopped in its tracks.
 */
export async function startLine(target: { host: string; port: number }) {
  const sockets = new Set<Socket>();
  let isSilent = false;
  const server = createServer((inside) => {
    const outside = connect(target.port, target.host);
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      if (isSilent) one.pause();
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", () => done()));
  return {
    port: (server.address() as { port: number }).port,
    silence(): void {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
    speak(): void {
      isSilent = false;
      for (const socket of sockets) socket.resume();
    },
    /** Ends all connections; from then on the port refuses. */
    async stop(): Promise<void> {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
