import { afterAll, expect, test } from "bun:test";
import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import { providerErrorOf } from "#tests/support/failures";
import {
  apiKey,
  made,
  order,
  page,
  problem,
  provide,
  stopApis,
} from "#tests/support/runpod-answers";

afterAll(stopApis);

test("a create sends exactly the order, with a key and a user agent of our own", async () => {
  const { provider, requests } = provide(() => Response.json(made, { status: 201 }));
  expect(await provider.create(order)).toMatchObject({
    outcome: "made",
    pod: { id: "abc123", status: "starting", hasContainer: false, hourlyMicros: 250_000 },
  });
  const [sent] = requests;
  expect(sent?.body).toEqual({
    name: order.name,
    image: order.image,
    cloud: "SECURE",
    gpu: { id: "NVIDIA RTX A4000", count: 1, minCudaVersion: "12.8" },
    disk: 40,
    ports: ["9090/http", "9091/http"],
    dataCenterIds: ["US-TX-3"],
    mounts: { network: [{ volumeId: "vol_xyz", path: "/invokeai" }] },
    entrypoint: order.entrypoint,
    cmd: order.command,
    env: order.environment,
  });
  expect(sent?.headers.get("authorization")).toBe(`Bearer ${apiKey}`);
  expect(sent?.headers.get("user-agent")).toBe("photo-gallery");

  await provider.create({ ...order, dataCenter: null, volumeId: null });
  expect(requests[1]?.body).not.toHaveProperty("dataCenterIds");
  expect(requests[1]?.body).not.toHaveProperty("mounts");
});

test("only RunPod's own refusal proves that nothing was made", async () => {
  const outcomes: [Response, Record<string, string>][] = [
    [problem(400, "out of stock"), { outcome: "refused", because: "candidate" }],
    [problem(401, "invalid"), { outcome: "refused", because: "key" }],
    [problem(402, "no balance"), { outcome: "refused", because: "balance" }],
    [problem(403, "closed"), { outcome: "refused", because: "candidate" }],
    [problem(404, "no volume"), { outcome: "refused", because: "order" }],
    [problem(413, "too long"), { outcome: "refused", because: "order" }],
    [problem(422, "unknown field"), { outcome: "refused", because: "order" }],
    [problem(429, "slow down"), { outcome: "refused", because: "rate" }],
    [page(429), { outcome: "refused", because: "rate" }],
    [problem(409, "?"), { outcome: "unknown" }],
    [problem(500, "failed"), { outcome: "unknown" }],
    [problem(503, "busy"), { outcome: "unknown" }],
    [page(400), { outcome: "unknown" }],
    [page(403), { outcome: "unknown" }],
    [page(404), { outcome: "unknown" }],
    [page(502), { outcome: "unknown" }],
    [page(200), { outcome: "unknown" }],
    [Response.json({}, { status: 201 }), { outcome: "unknown" }],
    [Response.json({ ...made, name: "another" }, { status: 201 }), { outcome: "unknown" }],
    [Response.json({ ...made, status: "TERMINATED" }), { outcome: "unknown" }],
  ];
  for (const [answer, outcome] of outcomes) {
    const { provider, requests } = provide(() => answer);
    expect([answer.status, await provider.create(order)]).toMatchObject([answer.status, outcome]);
    // Never repeated, whatever the answer.
    expect(requests).toHaveLength(1);
  }
});

test("a create without an answer is unknown", async () => {
  const { provider } = provide(() => Promise.withResolvers<Response>().promise);
  const signal = AbortSignal.timeout(300);
  const error: unknown = await provider.create(order, signal).catch((thrown: unknown) => thrown);
  expect(error).toBe(signal.reason);

  const closed = createRunpodProvider({
    apiUrl: "http://127.0.0.1:9",
    proxyUrl: "",
    apiKey,
    connectionTimeoutMs: 500,
    readTimeoutMs: 500,
  });
  expect(await closed.create(order)).toMatchObject({ outcome: "unknown" });
});

test("RunPod's words are quoted without key, environment and command", async () => {
  const echo = `bad: ${JSON.stringify(order.environment)} ${order.command.join(" ")} Bearer ${apiKey}`;
  const refused = provide(() => problem(422, `env.TOKEN is wrong. ${echo}\n${"x".repeat(5_000)}`));
  const outcome = await refused.provider.create(order);
  expect(outcome).toMatchObject({ outcome: "refused", because: "order" });
  const detail = "detail" in outcome ? outcome.detail : "";
  expect(detail).toStartWith("RunPod answered with status 422: env.TOKEN is wrong.");
  expect(detail.length).toBeLessThan(400);
  expect(detail).not.toMatch(/nobody|\n/);

  const error = await providerErrorOf(refused.provider.list());
  const shown = `${error.message} ${String(error.cause)} ${error.stack}`;
  expect(shown).not.toContain(apiKey);
});

test("an order beyond RunPod's limits is refused before it is sent", async () => {
  const { provider, requests } = provide(() => Response.json(made, { status: 201 }));
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`V${index}`, "1"]));
  for (const wrong of [{ environment: many }, { command: ["x".repeat(103_000)] }]) {
    expect(await provider.create({ ...order, ...wrong })).toMatchObject({
      outcome: "refused",
      because: "order",
    });
  }
  expect(requests).toHaveLength(0);
});

test("of several exhausted limits the longest wait counts", async () => {
  const waits: [Record<string, string>, number | undefined][] = [
    [{ "Retry-After": "7" }, 7_000],
    [{ RateLimit: '"minute";r=0;t=12, "hour";r=0;t=600, "day";r=9;t=9999' }, 600_000],
    [{ "Retry-After": "900", RateLimit: '"minute";r=0;t=12' }, 900_000],
    [{ RateLimit: '"minute";r=3;t=12' }, undefined],
    [{}, undefined],
  ];
  for (const [headers, retryAfterMs] of waits) {
    const { provider } = provide(() => problem(429, "slow down", headers));
    const error = await providerErrorOf(provider.list());
    expect(error).toMatchObject({ fault: "busy", retryable: true, retryAfterMs });
    const outcome = await provider.create(order);
    expect("retryAfterMs" in outcome ? outcome.retryAfterMs : undefined).toBe(retryAfterMs);
  }
});
