import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";
import { startSimulator, type Simulator } from "#simulators/invokeai/start";
import { dataOf, sd1Graph } from "#tests/conformance/invokeai/graphs";
import type { Item, Model } from "#tests/conformance/invokeai/target";

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(() => simulator.stop());

async function get<T>(path: string): Promise<T> {
  return (await (await fetch(new URL(path, simulator.url))).json()) as T;
}

const queue = "/api/v1/queue/default";
const batchTotal = async (batchId: string) =>
  (await get<{ total: number }>(`${queue}/b/${batchId}/status`)).total;
const itemsOf = (batchId: string) => get<Item[]>(`${queue}/list_all?destination=${batchId}`);

async function enqueue(batchId: string, seeds: number[]): Promise<{ enqueued: number }> {
  const { models } = await get<{ models: Model[] }>("/api/v2/models/?model_type=main");
  const [model] = models;
  if (model === undefined) throw new Error("no model");
  const batch = {
    batch_id: batchId,
    destination: batchId,
    runs: 1,
    data: [[dataOf("seed", "value", seeds)]],
    graph: sd1Graph(model),
  };
  const response = await fetch(new URL(`${queue}/enqueue_batch`, simulator.url), {
    method: "POST",
    body: JSON.stringify({ batch }),
  });
  return (await response.json()) as { enqueued: number };
}

const ended = (count: number) =>
  simulator.control.until(
    ({ queue: { completed, failed, canceled } }) => completed + failed + canceled === count,
  );

test("item n of the next batch fails as configured, the others complete", async () => {
  await simulator.control.addFault({
    kind: "item_failure",
    item: 1,
    errorType: "OutOfMemoryError",
    errorMessage: "CUDA out of memory",
  });
  await enqueue("b1", [1, 2, 3]);
  await ended(3);
  const items = await itemsOf("b1");
  expect(items.map(({ status }) => status)).toEqual(["completed", "failed", "completed"]);
  expect(items[1]).toMatchObject({
    error_type: "OutOfMemoryError",
    error_message: "CUDA out of memory",
  });
});

test("a held step freezes its item until the release", async () => {
  const { control } = simulator;
  await control.holdStep({ item: 1, step: 1 });
  await enqueue("b1", [1, 2]);
  const frozen = await control.until((state) => state.frozen !== null);
  expect(frozen.frozen).toMatchObject({ batchId: "b1", step: 1 });
  expect(frozen.queue).toMatchObject({ completed: 1, inProgress: 1 });
  const [, running] = await itemsOf("b1");
  expect(running?.session.results).toEqual({});
  await control.release();
  await ended(2);
  expect((await control.state()).generated.map(({ seed }) => seed)).toEqual([1, 2]);
});

test("a cancel ends a held step", async () => {
  const { control } = simulator;
  await control.holdStep();
  await enqueue("b1", [1]);
  await control.until(({ frozen }) => frozen !== null);
  await fetch(new URL(`${queue}/cancel_by_batch_ids`, simulator.url), {
    method: "PUT",
    body: JSON.stringify({ batch_ids: ["b1"] }),
  });
  await control.until(({ frozen }) => frozen === null);
  await enqueue("b2", [1]);
  const { generated } = await ended(2);
  expect(generated).toMatchObject([{ batchId: "b2" }]);
});

test("a restart cancels the running item without an error and runs the pending ones", async () => {
  const { control } = simulator;
  await control.holdStep({ item: 1 });
  await enqueue("b1", [1, 2, 3]);
  await control.until(({ frozen }) => frozen !== null);
  await control.restart();
  await ended(3);
  const items = await itemsOf("b1");
  expect(items.map(({ status }) => status)).toEqual(["completed", "canceled", "completed"]);
  expect(items[1]?.error_type).toBeNull();
  expect(items[1]?.session.results).toEqual({});
  expect((await control.state()).generated.map(({ seed }) => seed)).toEqual([1, 3]);
});

test("a restart right after the save leaves an image that only its session id identifies", async () => {
  const { control } = simulator;
  await control.holdStep({ step: "saved" });
  await enqueue("b1", [1]);
  await control.until(({ frozen }) => frozen !== null);
  await control.restart();
  await ended(1);
  const [item] = await itemsOf("b1");
  expect(item).toMatchObject({ status: "canceled", session: { results: {} } });
  const list = await get<{ items: { session_id: string; image_name: string }[] }>(
    "/api/v1/images/?limit=50",
  );
  expect(list.items[0]?.session_id).toBe(item?.session_id ?? "");
});

test("a restart cuts sockets, open requests and held requests", async () => {
  const { control, url } = simulator;
  const socket = io(url, {
    path: "/ws/socket.io",
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  await control.addFault({ kind: "answer_held", route: "version" });
  const held = fetch(new URL("/api/v1/app/version", url)).then(
    ({ status }) => status,
    () => "cut",
  );
  await control.until((state) => state.held.length === 1 && state.sockets === 1);
  const dropped = new Promise<void>((resolve) => socket.once("disconnect", () => resolve()));
  await control.restart();
  await dropped;
  expect(await held).toBe("cut");
  expect(await control.state()).toMatchObject({ held: [], sockets: 0, restarts: 1 });
});

test("dropped sockets include one in the middle of its handshake", async () => {
  const { control, url } = simulator;
  const address = new URL("/ws/socket.io/?EIO=4&transport=websocket", url);
  address.protocol = "ws:";
  const connection = new WebSocket(address);
  await control.until(({ sockets, subscribers }) => sockets === 1 && subscribers === 0);
  await control.dropSockets();
  // The server itself closes it after 45 s.
  await control.until(({ sockets }) => sockets === 0, 10_000);
  connection.close();
});

test("a vanished batch has zero counters, at once or after some of its items", async () => {
  const { control } = simulator;
  await control.addFault({ kind: "batch_vanish" });
  await enqueue("b1", [1, 2]);
  expect(await batchTotal("b1")).toBe(0);
  const id = await control.addFault({ kind: "batch_vanish", afterItems: 2 });
  await enqueue("b2", [1, 2, 3]);
  const { generated } = await control.until(({ faults }) =>
    faults.some((fault) => fault.id === id && fault.struck === 1),
  );
  expect(await batchTotal("b2")).toBe(0);
  expect(generated.map(({ seed }) => seed)).toEqual([1, 2]);
});

test("a full queue accepts a part of the batch and answers 200 with the number", async () => {
  const { control } = simulator;
  const paused = await control.addFault({ kind: "processor_paused" });
  const id = await control.addFault({ kind: "queue_full", maxQueueSize: 2 });
  expect(await enqueue("b1", [1, 2, 3])).toMatchObject({ requested: 3, enqueued: 2 });
  expect(await enqueue("b2", [1])).toMatchObject({ requested: 1, enqueued: 0, item_ids: [] });
  expect(await control.struck(id)).toBe(2);
  await control.until((state) =>
    state.faults.some((fault) => fault.id === paused && fault.struck > 0),
  );
  await control.clearFaults();
  await ended(2);
});

test("a wiped server has no batches and no images, and item ids start at one", async () => {
  const { control } = simulator;
  await enqueue("b1", [1]);
  await ended(1);
  await control.wipe();
  expect(await batchTotal("b1")).toBe(0);
  expect((await get<{ total: number }>("/api/v1/images/")).total).toBe(0);
  await enqueue("b2", [1]);
  expect((await itemsOf("b2"))[0]?.item_id).toBe(1);
});

test("a rekeyed model has another key and the same hash, a removed one is gone", async () => {
  const { control } = simulator;
  const before = (await get<{ models: Model[] }>("/api/v2/models/")).models;
  const [first, second] = before;
  if (first === undefined || second === undefined) throw new Error("no models");
  const key = await control.rekeyModel(first.key);
  await control.removeModel(second.key);
  const after = (await get<{ models: Model[] }>("/api/v2/models/")).models;
  expect(after.find((model) => model.key === key)?.hash).toBe(first.hash);
  expect(after.map((model) => model.key)).not.toContain(second.key);
});

test("queue and images survive a process that stops in mid-run", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "simulator-"));
  try {
    const first = await startSimulator({ dataDir });
    await simulator.stop();
    simulator = first;
    await first.control.holdStep({ item: 1 });
    await enqueue("b1", [1, 2, 3]);
    await first.control.until(({ frozen }) => frozen !== null);
    const [image] = (await first.control.state()).generated;
    await first.stop();

    simulator = await startSimulator({ dataDir });
    await ended(3);
    const items = await itemsOf("b1");
    expect(items.map(({ status }) => status)).toEqual(["completed", "canceled", "completed"]);
    const kept = await fetch(new URL(`/api/v1/images/i/${image?.imageName}/full`, simulator.url));
    expect((await kept.arrayBuffer()).byteLength).toBeGreaterThan(100);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});

test("as 6.13 each event comes twice, the second progress without its preview; a silent socket sends nothing", async () => {
  await simulator.stop();
  simulator = await startSimulator({ api: "6.13" });
  const { control, url } = simulator;
  const socket = io(url, {
    path: "/ws/socket.io",
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
  });
  const previews: boolean[] = [];
  const completed: string[] = [];
  socket.on("invocation_progress", ({ message, image }: { message: string; image: unknown }) => {
    if (message === "Denoising") previews.push(image !== null);
  });
  type Change = { status: string; batch_id: string };
  socket.on("queue_item_status_changed", ({ status, batch_id }: Change) => {
    if (status === "completed") completed.push(batch_id);
  });
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.emit("subscribe_queue", { queue_id: "default" });
  await enqueue("b1", [1]);
  await control.until(() => completed.length === 2);
  expect(previews.slice(0, 2)).toEqual([true, false]);

  await control.addFault({ kind: "socket_silent" });
  await enqueue("b2", [1]);
  await ended(2);
  await control.clearFaults();
  await enqueue("b3", [1]);
  await control.until(() => completed.length > 3);
  socket.close();
  expect(completed).toEqual(["b1", "b1", "b3", "b3"]);
});
