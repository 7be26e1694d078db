import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClientReader } from "#api/http/client";
import { createVisitorLimit } from "#api/http/visitor-limit";
import { startApiProcess } from "#tests/support/api-process";
import { listFiles, listUnfinished } from "#tests/support/library";
import { pngOfShade, rawForm } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const token = "a-token-of-the-owner";
const host = "localhost";
const key = "k".repeat(43);
const limits = {
  bodyStallMs: 20_000,
  bodyMs: 2_000,
  uploadBytesPerSecond: 1_000,
  requestsPerVisitor: 3,
};

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess({
    API_TOKEN: token,
    TRUSTED_PROXIES: "127.0.0.1",
    TEST_LIMITS: JSON.stringify(limits),
  });
}, 60_000);
afterAll(() => api.stop());

type Request = { path: string; type: string; length: number; headers?: Record<string, string> };

/** Opens a connection and sends the headers of a POST; the test sends the body. */
function begin({ path, type, length, headers = {} }: Request) {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.setEncoding("latin1");
  socket.on("data", (text) => (received += text));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  const all = { Host: host, "Content-Type": type, "Content-Length": length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return { socket, received: () => received, closed };
}

/** Sends the body in slow pieces until all is sent or the connection has ended. */
async function drip(at: ReturnType<typeof begin>, body: Uint8Array, bytesAtOnce: number) {
  for (let sent = 0; sent < body.length && !at.socket.destroyed; sent += bytesAtOnce) {
    at.socket.write(body.subarray(sent, sent + bytesAtOnce));
    await Bun.sleep(50);
  }
}

const owner = { Authorization: `Bearer ${token}` };

async function form(shade: number) {
  const { body, contentType } = rawForm([
    {
      headers: [`Content-Disposition: form-data; name="file"; filename="a.png"`],
      body: await pngOfShade(shade),
    },
  ]);
  return { body: Buffer.from(body), type: contentType };
}

describe("a body that never stalls and never ends", () => {
  test.each([
    ["of JSON", "/api/v1/albums", "application/json", owner],
    ["as a visitor's JSON", `/api/v1/share/${key}/unlock`, "application/json", {}],
    ["as a visitor's form", `/s/${key}/unlock`, "application/x-www-form-urlencoded", {}],
  ])(
    "%s answers 400 at its time limit, and its connection ends",
    async (_what, path, type, headers) => {
      const at = begin({ path, type, length: 4_000, headers });
      await drip(at, Buffer.alloc(4_000, " "), 1);
      await at.closed;
      expect(at.received()).toStartWith("HTTP/1.1 400");
      expect(at.received()).toContain("too slowly");
    },
    30_000,
  );

  test("as an upload answers 400 too, and leaves no file", async () => {
    const { body, type } = await form(1);
    const at = begin({ path: "/api/v1/photos", type, length: body.length, headers: owner });
    at.socket.write(body.subarray(0, 200));
    await drip(at, body.subarray(200), 1);
    await at.closed;
    expect(at.received()).toContain("too slowly");
    expect(await listUnfinished(api.dataDir)).toEqual([]);
    expect(await listFiles(api.dataDir, "uploaded")).toEqual([]);
  }, 60_000);
});

test("the time limit of an upload grows with the bytes received", async () => {
  const { body, type } = await form(2);
  // Too slow for any other body, but faster than the minimum rate of an upload.
  const parts = Math.ceil((limits.bodyMs * 1.2) / 50);
  const bytesAtOnce = Math.ceil(body.length / parts);
  expect(body.length).toBeGreaterThan(limits.uploadBytesPerSecond * 0.4);
  const at = begin({ path: "/api/v1/photos", type, length: body.length, headers: owner });
  const since = performance.now();
  await drip(at, body, bytesAtOnce);
  await until("an answer", () => at.received().includes("\r\n\r\n"));
  expect(performance.now() - since).toBeGreaterThan(limits.bodyMs);
  expect(at.received()).toStartWith("HTTP/1.1 201");
  at.socket.destroy();
}, 60_000);

describe("concurrent requests of one visitor", () => {
  const from = (address: string) => ({ "X-Forwarded-For": address });
  const ask = (path: string, headers: Record<string, string>) =>
    fetch(`${api.url}${path}`, { headers });
  const hold = (address: string) =>
    begin({
      path: `/api/v1/share/${key}/unlock`,
      type: "application/json",
      length: 100,
      headers: from(address),
    });

  test("are limited on the routes of links only, without affecting other visitors", async () => {
    const held = Array.from({ length: 5 }, (_, at) => hold(`2001:db8:1:2:${at}::1`));
    // Two are refused: the other three are being served.
    await until("refusals", () => {
      const isRefused = ({ received }: (typeof held)[number]) => received().includes(" 429 ");
      return held.filter(isRefused).length === 2;
    });
    const refused = await ask(`/s/${key}/`, from("2001:db8:1:2::9"));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: "rate_limited" } });
    for (const other of ["2001:db8:1:3::1", "198.51.100.7"]) {
      expect((await ask(`/s/${key}/`, from(other))).status).toBe(404);
    }
    const own = { ...from("2001:db8:1:2::9"), authorization: `Bearer ${token}` };
    expect((await ask("/api/v1/albums", own)).status).toBe(200);
    expect((await ask("/health", from("2001:db8:1:2::9"))).status).toBe(200);
    for (const { socket } of held) socket.destroy();
    await until("a request that is admitted again", async () => {
      const answer = await ask(`/s/${key}/`, from("2001:db8:1:2::9"));
      return answer.status === 404;
    });
  }, 60_000);

  test("count until their archive is sent or cancelled, or their work has failed", async () => {
    const admit = createVisitorLimit(1);
    const readClient = createClientReader([]);
    const clientAt = (address: string) => readClient(new Request("http://localhost/"), address);
    const one = () => clientAt("198.51.100.1");
    const plain = async () => new Response("x");
    const archive = async () =>
      new Response(
        (async function* () {
          yield Buffer.from("a");
          yield Buffer.from("b");
        })() as never,
        { headers: { "content-type": "application/zip" } },
      );

    const first = await admit(one(), archive);
    const refused = await admit(one(), plain).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "rate_limited" });
    expect(await (await admit(clientAt("198.51.100.2"), plain)).text()).toBe("x");
    expect(await first.text()).toBe("ab");

    const second = await admit(one(), archive);
    await second.body!.cancel();
    await until("a request that is admitted", () =>
      admit(one(), plain).then(
        () => true,
        () => false,
      ),
    );

    const failing = admit(one(), async () => {
      throw new Error("broken");
    });
    expect(await failing.catch((error: Error) => error.message)).toBe("broken");
    expect((await admit(one(), plain)).status).toBe(200);
    expect((await admit(one(), plain)).status).toBe(200);
  });
});
