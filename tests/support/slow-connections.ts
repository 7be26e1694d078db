import { connect, type Socket } from "node:net";
import { expect } from "bun:test";

/** Opens a connection and sends `text`; `closed` gives the answer and the milliseconds until the end. */
export async function openConnection(url: string, text: string) {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  const since = performance.now();
  let received = "";
  const closed = new Promise<{ received: string; ms: number }>((resolve) => {
    socket.on("data", (data) => (received += data));
    socket.on("error", () => {});
    socket.on("close", () => resolve({ received, ms: performance.now() - since }));
  });
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(text);
  return { socket, closed };
}

/** The server checks its connections every few seconds. */
const slackMs = 8_000;

/**
 * Opens two hundred connections that send nothing, part of their headers or part of a body. Expects other requests to
 * be answered, and all of these connections to be closed.
 */
export async function expectSlowConnectionsToBeCut(
  url: string,
  { headersSeconds, bodyStallMs }: { headersSeconds: number; bodyStallMs: number },
): Promise<void> {
  const host = `Host: ${new URL(url).host}\r\n`;
  const open = (count: number, text: string) =>
    Promise.all(Array.from({ length: count }, () => openConnection(url, text)));
  const silent = await open(50, "");
  const begun = await open(100, `GET /health HTTP/1.1\r\n${host}X-A: `);
  const stalled = await open(
    50,
    `POST /api/v1/albums HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  );
  // Single bytes do not extend the time for the headers.
  const drip = setInterval(() => begun.forEach(({ socket }) => socket.write("a")), 1_000);
  try {
    for (let n = 0; n < 20; n += 1) {
      const since = performance.now();
      expect((await fetch(`${url}/api/v1/albums`)).status).toBe(200);
      expect(performance.now() - since).toBeLessThan(10_000);
    }
    const cut = await Promise.all([...silent, ...begun].map(({ closed }) => closed));
    for (const { ms } of cut) expect(ms).toBeLessThan(headersSeconds * 1_000 + slackMs);
  } finally {
    clearInterval(drip);
  }
  const refused = await Promise.all(stalled.map(({ closed }) => closed));
  for (const { received, ms } of refused) {
    expect(received).toStartWith("HTTP/1.1 400");
    expect(received).toContain("broke off");
    expect(ms).toBeGreaterThan(bodyStallMs * 0.9);
    expect(ms).toBeLessThan(bodyStallMs + slackMs);
  }
}
