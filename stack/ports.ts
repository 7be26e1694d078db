import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Below the ports that Linux and macOS give to outgoing connections: a server that is stopped and started again finds its
 * port free.
 */
const [lowestPort, portsEnd] = [15_000, 32_000];
const attempts = 200;

/** A free TCP port of 127.0.0.1; another program may take it before the caller does. */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowestPort, portsEnd);
    if ((await portFault(port, "127.0.0.1")) === undefined) return port;
  }
  throw new Error(`no free port found from ${lowestPort} to ${portsEnd - 1}`);
}

/** Why a port cannot be listened on (`EADDRINUSE`, `EACCES`, …), or undefined when it can. */
export function portFault(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
