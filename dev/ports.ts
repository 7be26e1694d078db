import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that nobody listens on at this moment; the caller must be ready to lose it to someone faster. */
export async function findFreePort(): Promise<number> {
  const port = await tryListen(0, "127.0.0.1");
  if (typeof port === "string") throw new Error(`no free port: ${port}`);
  return port;
}

/** Why a port cannot be listened on (`EADDRINUSE`, `EACCES`, …), or undefined when it can. */
export async function whyTaken(port: number, host: string): Promise<string | undefined> {
  const outcome = await tryListen(port, host);
  return typeof outcome === "string" ? outcome : undefined;
}

function tryListen(port: number, host: string): Promise<number | string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
