import { readMemory } from "./memory";
import { answerScript } from "./script";

const everyBytes = 50_000_000;

/**
 * Reads a response to its end.
 * @returns MB per second, and the sender's peak memory meanwhile, in MB
 */
async function download({ url, pid }: { url: string; pid: number }) {
  const startedAt = performance.now();
  const { hostname, port, host, pathname } = new URL(url);
  const ended = Promise.withResolvers<void>();
  let bytes = 0;
  let looked = 0;
  let peak = 0;
  // A raw socket, because an HTTP client would take CPU time from the server.
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) =>
        void socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      data(socket, chunk) {
        bytes += chunk.length;
        const isLast = chunk.subarray(-5).toString("latin1") === "0\r\n\r\n";
        if (isLast) socket.end();
        if (bytes - looked < everyBytes) return;
        looked = bytes;
        void readMemory(pid).then((memory) => (peak = Math.max(peak, memory?.now ?? 0)));
      },
      close: () => ended.resolve(),
    },
  });
  await ended.promise;
  return {
    perSecond: bytes / 1_000 / (performance.now() - startedAt),
    megabytes: bytes / 1e6,
    peak,
  };
}

await answerScript(download);
