import { afterAll, expect, test } from "bun:test";
import { ProviderError } from "#errors";
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

test("a list is complete or an error", async () => {
  const entry = (id: string) => ({ id, name: id, status: "RUNNING" });
  const pages = (...answers: unknown[]) =>
    provide((_, nth) => Response.json(answers[nth - 1] ?? { pods: [] }));
  const next = (nextCursor: string | null, hasNextPage = true) => ({ nextCursor, hasNextPage });

  const whole = pages(
    { pods: [entry("a")], pagination: next("2") },
    { pods: [], pagination: next("3") },
    // The second has moved to this page since.
    { pods: [entry("a"), entry("b")], pagination: next(null, false) },
  );
  expect((await whole.provider.list()).map(({ id }) => id)).toEqual(["a", "b"]);
  expect(whole.requests.map(({ query }) => query.get("cursor"))).toEqual([null, "2", "3"]);

  const withoutPages = pages({ pods: [entry("a"), { ...entry("b"), status: "TERMINATED" }] });
  expect((await withoutPages.provider.list()).map(({ id }) => id)).toEqual(["a"]);

  const cut: unknown[][] = [
    [{ pods: [entry("a")], pagination: next(null) }],
    [
      { pods: [entry("a")], pagination: next("2") },
      { pods: [entry("b")], pagination: next("2") },
    ],
    [{ pods: [{ name: "without an id" }] }],
    [{ podz: [] }],
    [{ pods: [entry("a")], pagination: { nextCursor: "2" } }],
  ];
  for (const answers of cut) {
    expect(await providerErrorOf(pages(...answers).provider.list())).toMatchObject({
      fault: "broken",
    });
  }
  const broken = provide((_, nth) =>
    nth === 1 ? Response.json({ pods: [entry("a")], pagination: next("2") }) : page(502),
  );
  expect(await providerErrorOf(broken.provider.list())).toMatchObject({ fault: "busy" });

  const endless = provide((_, nth) => Response.json({ pods: [], pagination: next(String(nth)) }));
  expect(await providerErrorOf(endless.provider.list())).toMatchObject({ fault: "broken" });
  expect(endless.requests).toHaveLength(200);
});

test("a pod is read with what is known of it, and an unknown state counts as running", async () => {
  const read = async (fields: Record<string, unknown>) =>
    provide(() => Response.json({ ...made, ...fields })).provider.get("abc123");
  expect(
    await read({ status: "RUNNING", runtime: { uptime: 3 }, gpu: { id: "G", count: 1 } }),
  ).toEqual({
    id: "abc123",
    name: order.name,
    status: "running",
    hasContainer: true,
    hourlyMicros: 250_000,
    gpuType: "G",
    dataCenter: null,
    createdAt: null,
  });
  expect(await read({ status: "EXITED", cost: 0 })).toMatchObject({
    status: "stopped",
    hourlyMicros: null,
  });
  expect(await read({ status: "ERROR" })).toMatchObject({ status: "failed" });
  expect(await read({ status: "MIGRATING" })).toMatchObject({ status: "running" });
  expect(await read({ status: "RUNNING", runtime: {}, cost: -1 })).toMatchObject({
    hasContainer: false,
    hourlyMicros: null,
  });
  expect(await read({ status: "TERMINATED" })).toBeNull();
});

test("only RunPod's own 404 means that a pod is gone", async () => {
  const { provider: knows } = provide(() => problem(404, "not found"));
  expect(await knows.get("abc123")).toBeNull();
  expect(await knows.terminate("abc123")).toBeUndefined();
  for (const answer of [page(404), page(200), problem(409, "not now"), problem(500, "failed")]) {
    const body = await answer.arrayBuffer();
    const again = () => new Response(body, answer);
    const { provider } = provide(again);
    expect(await providerErrorOf(provider.terminate("abc123"))).toBeInstanceOf(ProviderError);
    expect(await providerErrorOf(provider.get("abc123"))).toBeInstanceOf(ProviderError);
  }
});

test("a bill holds the pod's own records, of whole hours", async () => {
  const { provider, requests } = provide(() =>
    Response.json({
      records: [
        { podId: "abc123", totalAmount: 0.1 },
        { podId: "stranger", totalAmount: 5 },
        { podId: "abc123", totalAmount: 0.2 },
      ],
    }),
  );
  const query = {
    podId: "abc123",
    from: new Date("2026-11-30T10:20:00Z"),
    to: new Date("2026-11-30T11:00:01Z"),
  };
  expect(await provider.findBill(query)).toEqual({ micros: 300_000 });
  expect(await provider.findBill({ ...query, podId: "other" })).toBeNull();
  expect(Object.fromEntries(requests[0]!.query)).toEqual({
    podId: "abc123",
    bucketSize: "hour",
    startTime: "2026-11-30T10:00:00.000Z",
    endTime: "2026-11-30T12:00:00.000Z",
  });
});

test("the newest log line is read from a stream that does not end", async () => {
  const { provider } = provide(({ path }) => {
    if (path.includes("none")) return problem(404, "not found");
    const events = path.includes("quiet")
      ? ": ping\n\n"
      : `id: 1\ndata: {"source":"system","line":"pulling\\u001b[0m ${apiKey}"}\n\ndata: {"li`;
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(events)),
    });
    return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
  });
  expect(await provider.lastLogLine("abc123")).toBe("pulling [0m …");
  expect(await provider.lastLogLine("quiet")).toBeNull();
  expect(await provider.lastLogLine("none")).toBeNull();
});
