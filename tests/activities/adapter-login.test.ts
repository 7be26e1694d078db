import { afterEach, expect, test } from "bun:test";
import { inspect } from "node:util";
import sharp from "sharp";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import type { Credentials } from "#activities/adapters/invokeai/login";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import { ProviderError } from "#errors";
import { graphRequest } from "#tests/support/graph-request";

const email = "painter@example.org";
const password = "marker-of-a-password";
const timeouts = { connectionTimeoutMs: 5_000, readTimeoutMs: 5_000 };
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start(api: "6.13" | "6.14" = "6.14"): Promise<Simulator> {
  const simulator = await startSimulator({ api, accounts: { email, password } });
  stops.push(simulator.stop);
  return simulator;
}

const connect = (baseUrl: string, credentials: Credentials) =>
  createInvokeAiClient({ baseUrl, ...timeouts, credentials });

const logins = async ({ control }: Simulator) => (await control.state()).requests.login ?? 0;

async function faultOf(work: Promise<unknown>): Promise<ProviderError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ProviderError))
    throw new Error("no fault of the provider", { cause: error });
  return error;
}

async function enqueueOne(client: ReturnType<typeof connect>, batchId: string): Promise<void> {
  const model = (await client.listModels()).find(({ name }) => name === "Inkwell Diffusion");
  if (!model) throw new Error("no model");
  const graph = buildGraph(graphRequest(model, { prompt: batchId, steps: 2 }));
  await client.enqueueBatch({ batchId, graph, slots: [{ index: 0, seed: 1 }] });
}

async function until<T>(check: () => Promise<T>, isDone: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const seen = await check();
    if (isDone(seen)) return seen;
    if (Date.now() > deadline) throw new Error("not reached");
    await Bun.sleep(10);
  }
}

test.each(["6.13", "6.14"] as const)(
  "one login serves queue, socket, upload and download, with API %s",
  async (api) => {
    const simulator = await start(api);
    const client = connect(simulator.url, { user: email, password });
    const fractions: number[] = [];
    const listening = new AbortController();
    stops.push(async () => listening.abort());
    const connected = Promise.withResolvers<void>();
    client.subscribeProgress({
      batchId: "b1",
      onProgress: ({ fraction }) => fractions.push(fraction),
      onChange: connected.resolve,
      signal: listening.signal,
    });
    await connected.promise;
    await Promise.all([client.getQueueStatus(), client.getQueueStatus(), client.listModels()]);
    await enqueueOne(client, "b1");
    const { items } = await until(
      () => client.listBatchItems("b1"),
      (seen) => seen.items.every(({ status }) => status === "completed"),
    );
    const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: "#a52" } });
    const name = await client.uploadImage({
      bytes: new Blob([new Uint8Array(await picture.png().toBuffer())]),
      filename: "source.png",
      mimeType: "image/png",
    });
    expect((await client.getImage(name)).imageName).toBe(name);
    const sink = { write: async () => {} };
    const imageName = items[0]?.imageName ?? "";
    const { bytes } = await client.downloadImage({ imageName, sink, maxBytes: 1_000_000 });
    expect(bytes).toBeGreaterThan(100);
    await until(
      async () => fractions.at(-1),
      (fraction) => fraction === 1,
    );
    expect(await logins(simulator)).toBe(1);
  },
);

test("an expired login is renewed once for all concurrent requests", async () => {
  const simulator = await start();
  const client = connect(simulator.url, { user: email, password });
  await client.getQueueStatus();
  await simulator.control.changePassword();
  await Promise.all([1, 2, 3, 4].map(() => client.getQueueStatus()));
  expect(await logins(simulator)).toBe(2);
});

test("an enqueue that was refused for its login is not repeated by the client", async () => {
  const simulator = await start();
  const client = connect(simulator.url, { user: email, password });
  await client.listModels();
  await simulator.control.addFault({
    kind: "request_held",
    route: "enqueueBatch",
    times: 1,
  });
  const fault = faultOf(enqueueOne(client, "b1"));
  await simulator.control.until(({ held }) => held.length === 1);
  await simulator.control.changePassword();
  await simulator.control.release();
  expect((await fault).fault).toBe("locked");
  const { requests, enqueues } = await simulator.control.state();
  expect([requests.enqueueBatch, enqueues.length]).toEqual([1, 0]);
  await enqueueOne(client, "b1");
  expect((await simulator.control.state()).enqueues).toHaveLength(1);
});

test("the configured token is sent, and each refreshed token from an answer replaces it", async () => {
  const seen: (string | null)[] = [];
  const server = Bun.serve({
    port: 0,
    fetch(request) {
      seen.push(request.headers.get("authorization"));
      const headers = { "x-refreshed-token": `token-${seen.length}` };
      return Response.json({ canceled: 0 }, { headers });
    },
  });
  stops.push(() => server.stop(true));
  const client = connect(server.url.href, { token: "given" });
  await client.cancelBatch("b1");
  await client.cancelBatch("b1");
  await client.cancelBatch("b1");
  expect(seen).toEqual(["Bearer given", "Bearer token-1", "Bearer token-2"]);
});

test("a server without accounts is never sent a password", async () => {
  const simulator = await startSimulator();
  stops.push(simulator.stop);
  const client = connect(simulator.url, { user: email, password });
  await client.getQueueStatus();
  await client.listModels();
  const { requests } = await simulator.control.state();
  expect([requests.login ?? 0, requests.authStatus]).toEqual([0, 1]);
});

test.each([
  ["no login", null, "InvokeAI requires a login; set INVOKEAI_USER and INVOKEAI_PASSWORD"],
  [
    "a wrong password",
    { user: email, password: "marker-of-another" },
    "InvokeAI refused the login",
  ],
  ["a wrong token", { token: "marker-of-a-token" }, "InvokeAI does not accept INVOKEAI_TOKEN"],
] as const)(
  "%s is a retryable error with a clear message and without secrets",
  async (_, given, words) => {
    const simulator = await start();
    const client = connect(simulator.url, given);
    const error = await faultOf(client.getQueueStatus());
    expect(error.message).toStartWith(words);
    expect([error.fault, error.retryable]).toEqual(["locked", true]);
    expect(inspect(error, { depth: 10 })).not.toContain("marker-of");
    await faultOf(client.listModels());
    // A refusal is cached for a while: logins are not repeated at once.
    expect(await logins(simulator)).toBeLessThanOrEqual(1);
  },
);
