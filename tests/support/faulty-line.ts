import { connect, createServer, type Socket } from "node:net";

type Strike = {
  how: "cut" | "freeze";
  /** Which direction is counted. */
  side: "request" | "answer";
  /** So many bytes of it still pass. */
  after: number;
};

/** A TCP line to a server that breaks off or stops, once, at an exact byte of the next connection. */
export async function startFaultyLine(target: string) {
  const { hostname, port } = new URL(target);
  let strike: Strike | undefined;
  let hasStruck = false;
  let isRefused = false;
  const sockets = new Set<Socket>();

  const server = createServer((inside) => {
    if (isRefused) return void inside.destroy();
    const outside = connect(Number(port), hostname);
    const passed = { request: 0, answer: 0 };
    let isFrozen = false;
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        inside.destroy();
        outside.destroy();
      });
    }
    const forward = (side: "request" | "answer", to: Socket) => (data: Buffer) => {
      if (isFrozen) return;
      const left = strike?.side === side ? strike.after - passed[side] : Infinity;
      passed[side] += data.length;
      if (data.length < left) return void to.write(data);
      const { how } = strike!;
      strike = undefined;
      hasStruck = true;
      if (how === "freeze") isFrozen = true;
      to.write(data.subarray(0, left), () => how === "cut" && [inside, outside].forEach(end));
    };
    inside.on("data", forward("request", outside));
    outside.on("data", forward("answer", inside));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  const endAll = () => sockets.forEach(end);

  return {
    url: `http://127.0.0.1:${address.port}`,
    /** For the next connections; the first one that reaches the byte is struck. */
    strike(next: Strike): void {
      endAll();
      hasStruck = false;
      strike = next;
    },
    struck: () => hasStruck,
    refuse(): void {
      isRefused = true;
      endAll();
    },
    heal(): void {
      isRefused = false;
      strike = undefined;
    },
    async stop(): Promise<void> {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      endAll();
      await closed;
    },
  };
}

const end = (socket: Socket) => void socket.destroy();
