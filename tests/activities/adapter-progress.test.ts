import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { type ItemProgress, subscribeProgress } from "#activities/adapters/invokeai/progress";
import { createProgressReader } from "#activities/adapters/invokeai/progress-reader";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import { graphRequest } from "#tests/support/graph-request";

let simulator: Simulator;
let client: ReturnType<typeof createInvokeAiClient>;
const closing = new AbortController();

beforeAll(async () => {
  // The more difficult API: no events without a subscription, and each event twice with one.
  simulator = await startSimulator({ api: "6.13" });
  client = createInvokeAiClient({
    baseUrl: simulator.url,
    connectionTimeoutMs: 5_000,
    readTimeoutMs: 5_000,
  });
});
afterEach(() => simulator.control.clearFaults());
afterAll(async () => {
  closing.abort();
  await simulator.stop();
});

async function until(isReached: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isReached()) {
    if (Date.now() > deadline) throw new Error("not reached");
    await Bun.sleep(5);
  }
}

async function enqueue(batchId: string): Promise<void> {
  const models = await client.listModels();
  const model = models.find(({ name }) => name === "Inkwell Diffusion");
  if (!model) throw new Error("no model");
  const graph = buildGraph(graphRequest(model, { prompt: batchId, steps: 4 }));
  const slots = [
    { index: 0, seed: 1 },
    { index: 1, seed: 2 },
  ];
  await client.enqueueBatch({ batchId, graph, slots });
}

/** Subscribes to the progress of a batch; `changes` is 1 when the socket is connected. */
function listen(batchId: string, baseUrl = simulator.url) {
  const seen: ItemProgress[] = [];
  const account = { seen, changes: 0 };
  subscribeProgress({
    baseUrl,
    batchId,
    onProgress: (progress) => void seen.push(progress),
    onChange: () => (account.changes += 1),
    signal: closing.signal,
  });
  return account;
}

const isOver = async (batchId: string) => {
  const { total, completed } = await client.getBatchStatus(batchId);
  return total > 0 && completed === total;
};

test("the progress of each item rises to 1 without ever falling, with previews", async () => {
  const batchId = crypto.randomUUID();
  const account = listen(batchId);
  await until(() => account.changes === 1);
  await enqueue(batchId);
  const last = () => account.seen.filter(({ fraction }) => fraction === 1).length;
  await until(() => last() === 2);

  for (const itemId of new Set(account.seen.map((progress) => progress.itemId))) {
    const ofItem = account.seen.filter((progress) => progress.itemId === itemId);
    const fractions = ofItem.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(ofItem.at(-1)?.preview).toStartWith("data:image/");
    expect(ofItem.map(({ phase }) => phase)).toContain("denoising");
  }
  // One for the connection, and two states (running, completed) of each of two items, although each event comes twice.
  await until(() => account.changes >= 5);
  expect(account.changes).toBe(5);
});

test("a dropped socket reconnects and reports that events may have been missed", async () => {
  const batchId = crypto.randomUUID();
  const account = listen(batchId);
  await until(() => account.changes === 1);
  await simulator.control.dropSockets();
  await until(() => account.changes === 2);
  await enqueue(batchId);
  await until(() => account.seen.some(({ fraction }) => fraction === 1));
});

test("without a socket there are neither events nor errors, and the batch runs", async () => {
  const fault = await simulator.control.addFault({ kind: "unreachable", route: "socket" });
  const batchId = crypto.randomUUID();
  const account = listen(batchId);
  await enqueue(batchId);
  const deadline = Date.now() + 10_000;
  while (!(await isOver(batchId))) {
    if (Date.now() > deadline) throw new Error("not reached");
    await Bun.sleep(10);
  }
  // More than once: it keeps trying to connect.
  await simulator.control.until(({ faults }) =>
    faults.some(({ id, struck }) => id === fault && struck > 1),
  );
  expect(account).toEqual({ seen: [], changes: 0 });
});

test("the end of the subscription closes its socket", async () => {
  const before = (await simulator.control.state()).sockets;
  const ended = new AbortController();
  const nothing = () => {};
  subscribeProgress({
    baseUrl: simulator.url,
    batchId: "b",
    onProgress: nothing,
    onChange: nothing,
    signal: ended.signal,
  });
  await simulator.control.until(({ sockets }) => sockets === before + 1);
  ended.abort();
  await simulator.control.until(({ sockets }) => sockets === before);
});

const event = (overrides: object = {}) => ({
  batch_id: "b",
  item_id: 7,
  invocation_source_id: "denoise",
  message: "Denoising",
  percentage: 0.5,
  image: { dataURL: "data:image/jpeg;base64,AAAA" },
  ...overrides,
});

test("a duplicate event without a picture changes nothing and keeps the preview", () => {
  const reader = createProgressReader("b");
  const first = reader.takeInvocation("invocation_progress", event());
  expect(first).toMatchObject({ itemId: 7, preview: "data:image/jpeg;base64,AAAA" });
  expect(first?.fraction).toBeCloseTo(0.5);
  expect(reader.takeInvocation("invocation_progress", event({ image: null }))).toBeUndefined();
  const later = reader.takeInvocation("invocation_progress", event({ image: null, percentage: 1 }));
  expect(later?.preview).toBe("data:image/jpeg;base64,AAAA");
  expect(reader.takeInvocation("invocation_progress", event())).toBeUndefined();
});

test("loading a model and denoising are different phases", () => {
  const reader = createProgressReader("b");
  const loading = event({ message: "Loading model tiny (unet)", percentage: null, image: null });
  expect(reader.takeInvocation("invocation_progress", loading)?.phase).toBe("loading_model");
  expect(reader.takeInvocation("invocation_progress", event())?.phase).toBe("denoising");
});

test("a state counts once, and an older one that arrives late is ignored", () => {
  const reader = createProgressReader("b");
  const state = (status: string, status_sequence: number) =>
    reader.takeStatus({ batch_id: "b", item_id: 7, status, status_sequence });
  expect(state("completed", 2)).toBe(true);
  expect(state("completed", 2)).toBe(false);
  expect(state("in_progress", 1)).toBe(false);
});

test("events of other batches, invalid values, and previews that are not small pictures are ignored", () => {
  const reader = createProgressReader("b");
  const take = (payload: unknown) => reader.takeInvocation("invocation_progress", payload);
  expect(take(event({ batch_id: "other" }))).toBeUndefined();
  expect(take("hello")).toBeUndefined();
  expect(take(event({ percentage: 40 }))).toBeUndefined();
  expect(reader.takeStatus(null)).toBe(false);
  const image = { dataURL: "data:text/html;base64,AAAA" };
  expect(take(event({ image, invocation_source_id: "constructor" }))).toMatchObject({
    fraction: 0,
    preview: null,
  });
  const large = { dataURL: `data:image/png;base64,${"A".repeat(100_000)}` };
  expect(take(event({ image: large }))?.preview).toBeNull();
});
