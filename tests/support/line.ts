import { connect, createServer, type Socket } from "node:net";

/** A TCP line to a server that a test can cut, as when the server is gone, or silence, as when it was stopped in its tracks. */
export async function startLine(target: { host: string; port: number }) {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isSilent = false;
  let refused = 0;
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
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      if (isSilent) one.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    /** The same address by way of this line. */
    through: (url: string): string => {
      const inside = new URL(url);
      inside.hostname = "127.0.0.1";
      inside.port = String(port);
      return inside.href;
    },
    /** Ends all connections and takes no more, until it is mended. */
    cut(): void {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend(): void {
      isCut = false;
    },
    /** How many connections were turned away while the line was cut. */
    refused: () => refused,
    /** Connections stay, and new ones are taken, but nothing comes through, until it may speak. */
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
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
