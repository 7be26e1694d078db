import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";

let api: Awaited<ReturnType<typeof startApiProcess>>;
const sockets: Socket[] = [];
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await api.stop();
});

/** A connection that has said this much; `closed` gives what came back and after how many milliseconds. */
async function say(text: string) {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
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

const host = () => `Host: ${new URL(api.url).host}\r\n`;

test("two hundred slow connections stop nobody else; headers have 15 s, a body that stalls is cut after 30 s", async () => {
  const silent = await Promise.all(Array.from({ length: 50 }, () => say("")));
  const begun = await Promise.all(
    Array.from({ length: 100 }, () => say(`GET /health HTTP/1.1\r\n${host()}X-A: `)),
  );
  const stalled = await Promise.all(
    Array.from({ length: 50 }, () =>
      say(
        `POST /api/v1/albums HTTP/1.1\r\n${host()}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      ),
    ),
  );
  // A byte now and then does not buy more time for the headers.
  const drip = setInterval(() => begun.forEach(({ socket }) => socket.write("a")), 1_000);

  for (let n = 0; n < 20; n += 1) {
    const since = performance.now();
    expect((await fetch(`${api.url}/api/v1/albums`)).status).toBe(200);
    expect(performance.now() - since).toBeLessThan(2_000);
  }

  const cut = await Promise.all([...silent, ...begun].map(({ closed }) => closed));
  clearInterval(drip);
  for (const { ms } of cut) expect(ms).toBeLessThan(17_000);

  const refused = await Promise.all(stalled.map(({ closed }) => closed));
  for (const { received, ms } of refused) {
    expect(received).toStartWith("HTTP/1.1 400");
    expect(received).toContain("broke off");
    expect(ms).toBeLessThan(40_000);
  }
}, 90_000);

test("an address above 8 KiB is 400, headers above 16 KiB are 431", async () => {
  const { status } = await fetch(`${api.url}/api/v1/albums?q=${"a".repeat(9_000)}`);
  expect(status).toBe(400);
  const { closed } = await say(`GET / HTTP/1.1\r\n${host()}X-A: ${"a".repeat(17_000)}\r\n\r\n`);
  expect((await closed).received).toStartWith("HTTP/1.1 431");
});
