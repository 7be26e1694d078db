import { afterAll, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { createHttp, type HttpOptions } from "#activities/adapters/http";
import { failureOf, providerErrorOf } from "#tests/support/failures";

const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

/** Starts a server that answers each request with `answer`. */
function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  stops.push(() => void server.stop(true));
  return `http://127.0.0.1:${server.port}`;
}

/** Starts a TCP server whose `talk` writes the answer itself, for answers that no HTTP library sends. */
async function serveRaw(talk: (socket: Socket, request: string) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => talk(socket, data.toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

function httpTo(baseUrl: string, options: Partial<HttpOptions> = {}) {
  const timeouts = { connectionTimeoutMs: 5_000, readTimeoutMs: 5_000 };
  return createHttp({ provider: "invokeai", baseUrl, ...timeouts, ...options });
}

const json = (body: unknown, init?: ResponseInit) => Response.json(body, init);
const collect = () => {
  const chunks: Uint8Array[] = [];
  return { chunks, write: async (chunk: Uint8Array) => void chunks.push(chunk) };
};
const png = { path: "/a.png", accept: "image/png", maxBytes: 1000 };

test("statuses are mapped to faults and to whether a retry can help", async () => {
  const url = serve((request) =>
    json({ detail: "secret" }, { status: Number(new URL(request.url).pathname.slice(1)) }),
  );
  const expected = [
    [400, "rejected", false],
    [401, "rejected", false],
    [404, "missing", false],
    [422, "rejected", false],
    [429, "busy", true],
    [500, "broken", true],
    [502, "busy", true],
    [503, "busy", true],
    [504, "busy", true],
  ] as const;
  for (const [status, fault, retryable] of expected) {
    const error = await providerErrorOf(httpTo(url).readJson({ path: `/${status}` }));
    expect(error).toMatchObject({ provider: "invokeai", status, fault, retryable });
    expect(error.message).not.toContain("secret");
  }
});

test("Retry-After is read as seconds or as a date, and ignored when it is invalid", async () => {
  let value = "7";
  const url = serve(() => json({}, { status: 503, headers: { "Retry-After": value } }));
  const read = async () =>
    (await providerErrorOf(httpTo(url).readJson({ path: "/" }))).retryAfterMs;
  expect(await read()).toBe(7_000);
  value = new Date(Date.now() + 60_000).toUTCString();
  expect(await read()).toBeWithin(50_000, 60_001);
  value = "soon";
  expect(await read()).toBeUndefined();
});

test("an HTML page is a broken answer, whatever its status", async () => {
  const page = (status: number) =>
    new Response("<!doctype html><title>hello</title>", {
      status,
      headers: { "Content-Type": "text/html" },
    });
  const url = serve((request) => page(Number(new URL(request.url).pathname.slice(1))));
  const ok = await providerErrorOf(httpTo(url).readJson({ path: "/200" }));
  expect(ok).toMatchObject({ fault: "broken", status: 200, retryable: true });
  // From a proxy without a backend, not from InvokeAI.
  const gone = await providerErrorOf(httpTo(url).readJson({ path: "/404" }));
  expect(gone).toMatchObject({ fault: "broken", status: 404, retryable: true });
});

test("an answer with the content type of HTML is not read as JSON", async () => {
  const url = serve(() => new Response("{}", { headers: { "Content-Type": "text/html" } }));
  expect((await providerErrorOf(httpTo(url).readJson({ path: "/" }))).fault).toBe("broken");
});

test("invalid JSON and JSON above the size limit are broken answers", async () => {
  const url = serve((request) =>
    new URL(request.url).pathname === "/half"
      ? new Response('{"a":', { headers: { "Content-Type": "application/json" } })
      : json({ text: "x".repeat(5_000) }),
  );
  const half = await providerErrorOf(httpTo(url).readJson({ path: "/half" }));
  expect(half.fault).toBe("broken");
  const long = await providerErrorOf(httpTo(url).readJson({ path: "/", maxBytes: 1_000 }));
  expect(long).toMatchObject({ fault: "broken", retryable: false });
});

test("a redirect is not followed", async () => {
  let followed = 0;
  const other = serve(() => {
    followed += 1;
    return json({});
  });
  const url = serve(() => Response.redirect(other, 307));
  const error = await providerErrorOf(
    httpTo(url, { headers: { Authorization: "key" } }).readJson({ path: "/" }),
  );
  expect(error).toMatchObject({ fault: "broken", status: 307, retryable: false });
  expect(followed).toBe(0);
});

test("a request without an answer fails after the sum of both time-outs", async () => {
  const url = await serveRaw(() => {});
  const http = httpTo(url, { connectionTimeoutMs: 60, readTimeoutMs: 90 });
  const start = performance.now();
  const error = await providerErrorOf(http.readJson({ path: "/" }));
  expect(error).toMatchObject({ fault: "timeout", retryable: true });
  expect(performance.now() - start).toBeGreaterThan(140);
});

test("a body that stalls fails, a slow one does not", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n";
  const timeouts = { connectionTimeoutMs: 5_000, readTimeoutMs: 700 };
  const stalled = await serveRaw((socket) => socket.write(`${head}{"a"`));
  const error = await providerErrorOf(httpTo(stalled, timeouts).readJson({ path: "/" }));
  expect(error.fault).toBe("timeout");

  const slow = await serveRaw((socket) => {
    socket.write(head);
    for (const [index, byte] of Buffer.from('{"a": 1}').entries()) {
      setTimeout(() => socket.write(Buffer.of(byte)), (index + 1) * 110);
    }
  });
  expect(await httpTo(slow, timeouts).readJson({ path: "/" })).toEqual({ a: 1 });
});

/** Sends the headers at once, then a byte every 30 ms without end. */
const drip = (type: string) =>
  serveRaw((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 100000\r\n\r\n`);
    const timer = setInterval(() => socket.write("["), 30);
    socket.on("close", () => clearInterval(timer));
  });

test("an answer that trickles in fails after a total time limit, whether JSON or a picture", async () => {
  const timeouts = { connectionTimeoutMs: 200, readTimeoutMs: 300 };
  const http = httpTo(await drip("application/json"), timeouts);
  const pictures = httpTo(await drip("image/png"), timeouts);
  const calls = [
    () => http.readJson({ path: "/" }),
    () => pictures.download({ ...png, maxBytes: 1_000_000 }, collect()),
  ];
  for (const call of calls) {
    const began = performance.now();
    expect(await providerErrorOf(call())).toMatchObject({ fault: "timeout", retryable: true });
    expect(performance.now() - began).toBeLessThan(20_000);
  }
});

test("an abort rejects with the reason of the caller's signal", async () => {
  let isAsked!: () => void;
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  const url = await serveRaw(() => isAsked());
  const reason = new Error("cancelled by the caller");
  const controller = new AbortController();
  const call = failureOf(httpTo(url).readJson({ path: "/" }, controller.signal));
  await asked;
  controller.abort(reason);
  expect(await call).toBe(reason);
  expect(await failureOf(httpTo(url).readJson({ path: "/" }, controller.signal))).toBe(reason);
});

test("a closed port and a cut connection are both unreachable", async () => {
  const cut = await serveRaw((socket) => socket.destroy());
  expect((await providerErrorOf(httpTo(cut).readJson({ path: "/" }))).fault).toBe("unreachable");
  const closed = serve(() => json({}));
  stops.pop()?.();
  const error = await providerErrorOf(httpTo(closed).readJson({ path: "/" }));
  expect(error).toMatchObject({ fault: "unreachable", retryable: true });
  expect(error.message).not.toContain("127.0.0.1");
});

test("a POST whose keep-alive connection is cut reaches the server once", async () => {
  let posts = 0;
  const url = await serveRaw((socket, request) => {
    if (request.startsWith("POST")) {
      posts += 1;
      socket.destroy();
      return;
    }
    socket.write(
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    );
  });
  const http = httpTo(url);
  await http.readJson({ path: "/" });
  await providerErrorOf(http.readJson({ path: "/", method: "POST", json: {} }));
  await http.readJson({ path: "/" });
  expect(posts).toBe(1);
});

test("a download requests no content encoding, and arrives complete", async () => {
  const bytes = new Uint8Array(900).fill(7);
  const encodings: (string | null)[] = [];
  const url = serve((request) => {
    encodings.push(request.headers.get("accept-encoding"));
    return new Response(bytes, { headers: { "Content-Type": "image/png" } });
  });
  const sink = collect();
  expect(await httpTo(url).download(png, sink)).toEqual({ bytes: 900 });
  expect(Buffer.concat(sink.chunks)).toEqual(Buffer.from(bytes));
  expect(encodings).toEqual(["identity"]);
});

test("a download that a proxy compressed anyway is decompressed", async () => {
  const bytes = new Uint8Array(900).fill(7);
  const url = serve(
    () =>
      new Response(new Uint8Array(Bun.gzipSync(bytes)), {
        headers: { "Content-Type": "image/png", "Content-Encoding": "gzip" },
      }),
  );
  const sink = collect();
  expect(await httpTo(url).download(png, sink)).toEqual({ bytes: 900 });
  expect(Buffer.concat(sink.chunks)).toEqual(Buffer.from(bytes));
});

test("a download of another type, of too many bytes, or a truncated one fails", async () => {
  const page = serve(() => new Response("<p>", { headers: { "Content-Type": "text/html" } }));
  expect((await providerErrorOf(httpTo(page).download(png, collect()))).fault).toBe("broken");

  const long = serve(
    () => new Response(new Uint8Array(1001), { headers: { "Content-Type": "image/png" } }),
  );
  const sink = collect();
  const error = await providerErrorOf(httpTo(long).download(png, sink));
  expect(error).toMatchObject({ fault: "broken", retryable: false });
  expect(Buffer.concat(sink.chunks).length).toBeLessThanOrEqual(1000);

  const cut = await serveRaw((socket) =>
    socket.end("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\nabc"),
  );
  const short = await providerErrorOf(httpTo(cut).download(png, collect()));
  expect(short.retryable).toBe(true);
});

test("an error of the sink is thrown as it is, not as a fault of the server", async () => {
  const url = serve(
    () => new Response(new Uint8Array(10), { headers: { "Content-Type": "image/png" } }),
  );
  const full = new Error("no space");
  const sink = { write: () => Promise.reject(full) };
  expect(await failureOf(httpTo(url).download(png, sink))).toBe(full);
});

test("a slow sink does not cause a time-out of the server", async () => {
  const bytes = 4_000_000;
  const url = serve(
    () => new Response(new Uint8Array(bytes), { headers: { "Content-Type": "image/png" } }),
  );
  let writes = 0;
  const sink = {
    async write() {
      writes += 1;
      if (writes === 1) await Bun.sleep(1_000);
    },
  };
  const http = httpTo(url, { readTimeoutMs: 700 });
  expect(await http.download({ ...png, maxBytes: bytes }, sink)).toEqual({ bytes });
  expect(writes).toBeGreaterThan(1);
});

test("a base URL may contain a path", async () => {
  const url = serve((request) => json({ path: new URL(request.url).pathname }));
  const answer = await httpTo(`${url}/invoke/`).readJson({ path: "/api/v1/app/version" });
  expect(answer).toEqual({ path: "/invoke/api/v1/app/version" });
});
