import { connect } from "node:net";

/** Sends a request with its target unchanged; HTTP clients normalise it. @returns the whole answer; empty for none */
export function askRaw(
  url: string,
  request: { method?: string; target: string; host: string; headers?: Record<string, string> },
): Promise<string> {
  const { hostname, port } = new URL(url);
  const headers = { Host: request.host, Connection: "close", ...request.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(Number(port), hostname);
  return new Promise((resolve, reject) => {
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (data) => (received += data));
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    socket.setTimeout(20_000, () => socket.destroy(new Error(`no answer to ${request.target}`)));
    const { method = "GET", target } = request;
    socket.write(Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"));
  });
}

/** The status of an answer; undefined when the connection ended without one. */
export function statusOf(answer: string): number | undefined {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  return status === undefined ? undefined : Number(status);
}
