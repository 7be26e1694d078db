import { afterEach, beforeEach, expect, test } from "bun:test";
import sharp from "sharp";
import type { Fault } from "#simulators/invokeai/control";
import { startSimulator, type Simulator } from "#simulators/invokeai/start";
import { seededBlankGraph } from "#tests/conformance/invokeai/graphs";

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(() => simulator.stop());

const identity = { headers: { "accept-encoding": "identity" } };
const version = (init?: RequestInit) =>
  fetch(new URL("/api/v1/app/version", simulator.url), { ...identity, ...init });

/** The result of a request: its status, or `cut`. */
const outcome = (response: Promise<Response>) =>
  response
    .then(async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    })
    .catch(() => "cut" as const);

function enqueue(batchId: string, init?: RequestInit): Promise<Response> {
  return fetch(new URL("/api/v1/queue/default/enqueue_batch", simulator.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ batch: { batch_id: batchId, runs: 1, graph: seededBlankGraph() } }),
    ...init,
  });
}

async function uploadedImage(): Promise<string> {
  const form = new FormData();
  const bytes = await sharp({
    create: { width: 200, height: 100, channels: 3, background: "#264" },
  })
    .png()
    .toBuffer();
  form.set("file", new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
  const response = await fetch(
    new URL("/api/v1/images/upload?image_category=user&is_intermediate=true", simulator.url),
    { method: "POST", body: form },
  );
  return ((await response.json()) as { image_name: string }).image_name;
}

const full = (name: string) =>
  fetch(new URL(`/api/v1/images/i/${name}/full`, simulator.url), identity);

const answers: { fault: Fault; status: number; type: string }[] = [
  { fault: { kind: "status_500_json", route: "version" }, status: 500, type: "application/json" },
  { fault: { kind: "status_500_text", route: "version" }, status: 500, type: "text/plain" },
  { fault: { kind: "status_502_html", route: "version" }, status: 502, type: "text/html" },
  { fault: { kind: "status_200_html", route: "version" }, status: 200, type: "text/html" },
  { fault: { kind: "not_found", route: "version" }, status: 404, type: "application/json" },
  { fault: { kind: "wrong_content_type", route: "version" }, status: 200, type: "text/plain" },
];

for (const { fault, status, type } of answers) {
  test(`the fault ${fault.kind} answers ${status} ${type}`, async () => {
    const id = await simulator.control.addFault(fault);
    const response = await version();
    await response.text();
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toStartWith(type);
    expect(await simulator.control.struck(id)).toBe(1);
  });
}

test("a fault strikes after `skip` requests, `times` times, only on its route", async () => {
  const { control, url } = simulator;
  const id = await control.addFault({
    kind: "status_500_json",
    route: "version",
    skip: 1,
    times: 2,
  });
  const statuses: unknown[] = [];
  for (let call = 0; call < 5; call += 1) statuses.push(await outcome(version()));
  expect(statuses).toEqual([200, 500, 500, 200, 200]);
  expect(await outcome(fetch(new URL("/api/v1/auth/status", url)))).toBe(200);
  expect(await control.struck(id)).toBe(2);
  expect((await control.state()).requests).toMatchObject({ version: 5, authStatus: 1 });
});

test("a fault may depend on the URL", async () => {
  const [one, two] = [await uploadedImage(), await uploadedImage()];
  await simulator.control.addFault({ kind: "not_found", route: "imageFull", urlIncludes: two });
  expect(await outcome(full(one))).toBe(200);
  expect(await outcome(full(two))).toBe(404);
});

test("cleared faults strike no more", async () => {
  await simulator.control.addFault({ kind: "status_500_json", route: "any" });
  expect(await outcome(version())).toBe(500);
  await simulator.control.clearFaults();
  expect(await outcome(version())).toBe(200);
});

test("an unreachable server cuts the connection and does nothing", async () => {
  await simulator.control.addFault({ kind: "unreachable", route: "any" });
  expect(await outcome(enqueue("b1"))).toBe("cut");
  expect((await simulator.control.state()).enqueues).toEqual([]);
});

test("a cut GET is counted once for each attempt of the client", async () => {
  const { control } = simulator;
  expect(await outcome(version())).toBe(200);
  const id = await control.addFault({ kind: "answer_lost", route: "version", times: 2 });
  expect([await outcome(version()), await outcome(version())]).toEqual(["cut", "cut"]);
  expect(await outcome(version())).toBe(200);
  expect(await control.struck(id)).toBe(2);
  expect((await control.state()).requests.version).toBe(4);
});

test("a batch is accepted although its answer is lost", async () => {
  await simulator.control.addFault({ kind: "answer_lost", route: "enqueueBatch", times: 1 });
  expect(await outcome(enqueue("b1"))).toBe("cut");
  const { enqueues } = await simulator.control.state();
  expect(enqueues).toMatchObject([{ batchId: "b1", enqueued: 1 }]);
});

test("a batch may be accepted although the answer is a 500", async () => {
  await simulator.control.addFault({
    kind: "status_500_text",
    route: "enqueueBatch",
    processed: true,
  });
  expect(await outcome(enqueue("b1"))).toBe(500);
  expect((await simulator.control.state()).enqueues).toHaveLength(1);
});

test("a held answer waits for the release; the batch is already queued", async () => {
  const { control } = simulator;
  await control.addFault({ kind: "answer_held", route: "enqueueBatch" });
  const answer = outcome(enqueue("b1"));
  const { enqueues } = await control.until(({ held }) => held.length === 1);
  expect(enqueues).toHaveLength(1);
  await control.release();
  expect(await answer).toBe(200);
});

test("a held request is processed at the release, and never when its client disconnects", async () => {
  const { control } = simulator;
  await control.addFault({ kind: "request_held", route: "enqueueBatch" });
  const kept = outcome(enqueue("kept"));
  await control.until(({ held }) => held.length === 1);
  expect((await control.state()).enqueues).toEqual([]);
  const leaving = new AbortController();
  const left = outcome(enqueue("left", { signal: leaving.signal }));
  await control.until(({ held }) => held.length === 2);
  leaving.abort();
  expect(await left).toBe("cut");
  await control.until(({ held }) => held.length === 1);
  await control.release();
  expect(await kept).toBe(200);
  expect((await control.state()).enqueues).toMatchObject([{ batchId: "kept" }]);
});

test("a held request may outlive its client and arrive late", async () => {
  const { control } = simulator;
  await control.addFault({ kind: "request_held", route: "enqueueBatch", outlivesClient: true });
  const leaving = new AbortController();
  const left = outcome(enqueue("late", { signal: leaving.signal }));
  await control.until(({ held }) => held.length === 1);
  leaving.abort();
  expect(await left).toBe("cut");
  expect((await control.state()).enqueues).toEqual([]);
  await control.release();
  await control.until(({ enqueues }) => enqueues[0]?.batchId === "late");
});

test("a hanging route never answers", async () => {
  await simulator.control.addFault({ kind: "hang", route: "version" });
  const started = Date.now();
  expect(await outcome(version({ signal: AbortSignal.timeout(150) }))).toBe("cut");
  expect(Date.now() - started).toBeGreaterThanOrEqual(140);
});

test("a delay holds the answer back for its time", async () => {
  await simulator.control.addFault({ kind: "delay", route: "version", delayMs: 120 });
  const started = Date.now();
  expect(await outcome(version())).toBe(200);
  expect(Date.now() - started).toBeGreaterThanOrEqual(115);
});

test("truncated bodies and wrong lengths fail the download", async () => {
  const name = await uploadedImage();
  for (const kind of ["truncated_body", "wrong_length"] as const) {
    const id = await simulator.control.addFault({ kind, route: "imageFull", times: 1 });
    expect(await outcome(full(name))).toBe("cut");
    expect(await simulator.control.struck(id)).toBe(1);
  }
  expect(await outcome(full(name))).toBe(200);
  expect((await simulator.control.state()).downloads.map(({ sent }) => sent)).toEqual([
    false,
    false,
    true,
  ]);
});

test("a stalled body sends half, and nothing more until the release", async () => {
  const name = await uploadedImage();
  await simulator.control.addFault({ kind: "stalled_body", route: "imageFull" });
  const answer = outcome(full(name));
  await simulator.control.until(({ held }) => held.length === 1);
  await simulator.control.release();
  expect(await answer).toBe("cut");
});

test("a truncated PNG is a complete HTTP response, but does not decode", async () => {
  const name = await uploadedImage();
  await simulator.control.addFault({ kind: "truncated_png", route: "imageFull" });
  const response = await full(name);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.headers.get("content-length")).toBe(String(bytes.length));
  const decoded = await sharp(bytes, { failOn: "truncated" })
    .raw()
    .toBuffer()
    .then(
      () => "decoded",
      () => "broken",
    );
  expect(decoded).toBe("broken");
});

test("a PNG of the wrong size is valid, but 16 by 16", async () => {
  const name = await uploadedImage();
  await simulator.control.addFault({ kind: "wrong_size_png", route: "imageFull" });
  const bytes = Buffer.from(await (await full(name)).arrayBuffer());
  expect(await sharp(bytes).metadata()).toMatchObject({ format: "png", width: 16, height: 16 });
});

test("a gzipped picture is compressed although the client accepts only identity", async () => {
  const name = await uploadedImage();
  const bytes = Buffer.from(await (await full(name)).arrayBuffer());
  await simulator.control.addFault({ kind: "gzipped", route: "imageFull" });
  const response = await full(name);
  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
});
