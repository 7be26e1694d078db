import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { isOutcomeUnknown } from "#activities/adapters/invokeai/errors";
import {
  buildGraph,
  type Graph,
  type GraphRequest,
  placePictures,
} from "#activities/adapters/invokeai/graphs/index";
import { parseItem } from "#activities/adapters/invokeai/items";
import type { BatchItem, InvokeAiModel } from "#activities/adapters/invokeai/types";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import { AppError } from "#errors";
import { plain } from "#tests/fixtures/pictures";
import { failureOf, providerErrorOf } from "#tests/support/failures";
import { graphRequest } from "#tests/support/graph-request";

let simulator: Simulator;
let client: ReturnType<typeof createInvokeAiClient>;
let models: InvokeAiModel[];

beforeAll(async () => {
  simulator = await startSimulator();
  client = clientTo(simulator.url);
  models = await client.listModels();
});
afterEach(async () => {
  await simulator.control.clearFaults();
  // A batch that still runs would be hit by the next test's fault.
  await simulator.control.until(({ queue }) => queue.pending + queue.inProgress === 0);
});
afterAll(() => simulator.stop());

function clientTo(baseUrl: string, readTimeoutMs = 5_000) {
  return createInvokeAiClient({ baseUrl, connectionTimeoutMs: readTimeoutMs, readTimeoutMs });
}

function modelNamed(name: string): InvokeAiModel {
  const model = models.find((candidate) => candidate.name === name);
  if (!model) throw new Error(`${name} is not installed`);
  return model;
}

function graphOf(overrides: Partial<GraphRequest> = {}): Graph {
  // A new prompt each time: the server would take known latents from its cache, without steps to hold.
  const prompt = `a red boat, number ${crypto.randomUUID()}`;
  return buildGraph(graphRequest(modelNamed("Inkwell Diffusion"), { prompt, ...overrides }));
}

const newBatchId = () => `${crypto.randomUUID()}-1`;
const slots = [
  { index: 0, seed: 4_294_967_295 },
  { index: 3, seed: 0 },
];

async function itemsWhen(batchId: string, isReached: (items: BatchItem[]) => boolean) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { items } = await client.listBatchItems(batchId);
    if (isReached(items)) return items;
    if (Date.now() > deadline) throw new Error(`Not reached: ${JSON.stringify(items)}`);
    await Bun.sleep(10);
  }
}

const ended = (items: BatchItem[]) =>
  items.length > 0 && items.every(({ completedAt }) => completedAt !== null);

async function finishedBatch(graph = graphOf()) {
  const batchId = newBatchId();
  await client.enqueueBatch({ batchId, graph, slots });
  return { batchId, items: await itemsWhen(batchId, ended) };
}

async function download(imageName: string, maxBytes = 1_000_000, from = client) {
  const chunks: Uint8Array[] = [];
  const sink = { write: async (chunk: Uint8Array) => void chunks.push(chunk) };
  const { bytes } = await from.downloadImage({ imageName, sink, maxBytes });
  const data = Buffer.concat(chunks);
  expect(data.length).toBe(bytes);
  return data;
}

test("an InvokeAI that answers has a version; an HTML page is a broken answer", async () => {
  expect(await client.getVersion()).toMatch(/^6\./);
  await simulator.control.addFault({ kind: "status_200_html", route: "version" });
  expect(await providerErrorOf(client.getVersion())).toMatchObject({
    fault: "broken",
    retryable: true,
  });
});

test("models of every type are listed with their default settings", () => {
  expect(modelNamed("Meadowlight v4")).toMatchObject({
    base: "sd-1",
    type: "main",
    variant: "normal",
    settings: { width: 512, height: 512, steps: 24, cfgScale: 6.5, scheduler: "dpmpp_2m_k" },
  });
  expect(modelNamed("Harbour Dev").settings.width).toBeNull();
  expect(new Set(models.map(({ type }) => type))).toContain("lora");
  for (const { key, hash } of models) {
    expect(key).not.toBe("");
    expect(hash).not.toBe("");
  }
});

test("a batch becomes one image per slot, matched by slot and seed", async () => {
  const batchId = newBatchId();
  const answer = await client.enqueueBatch({ batchId, graph: graphOf(), slots });
  expect(answer).toEqual({ requested: 2, enqueued: 2 });

  const items = await itemsWhen(batchId, ended);
  expect(items.map(({ slotIndex, seed }) => ({ index: slotIndex, seed }))).toEqual(slots);
  expect(items.map(({ itemId }) => itemId)).toEqual(
    items.map(({ itemId }) => itemId).toSorted((a, b) => a - b),
  );
  expect(new Set(items.map(({ imageName }) => imageName)).size).toBe(2);
  for (const item of items) {
    expect(item).toMatchObject({ batchId, status: "completed", failure: null });
    expect(await client.getItem(item.itemId)).toEqual(item);
  }
  expect(await client.getBatchStatus(batchId)).toEqual({
    total: 2,
    pending: 0,
    inProgress: 0,
    completed: 2,
    failed: 0,
    cancelled: 0,
  });
});

test("an image has its metadata and is downloaded as a complete PNG", async () => {
  const { items } = await finishedBatch();
  const { imageName, sessionId } = items[0]!;
  const image = await client.getImage(imageName!);
  expect(image).toMatchObject({
    imageName,
    width: 64,
    height: 64,
    isIntermediate: false,
    sessionId,
  });
  const data = await download(imageName!);
  expect(data.subarray(1, 4).toString()).toBe("PNG");
});

test("an uploaded picture is resized and used as the source of an image, with VAE and LoRA", async () => {
  const bytes = new Blob([new Uint8Array(await plain(96, 64, "#aa3300").png().toBuffer())]);
  const imageName = await client.uploadImage({ bytes, filename: "s.png", mimeType: "image/png" });
  expect(await client.getImage(imageName)).toMatchObject({ width: 96, isIntermediate: true });
  const { items } = await finishedBatch(
    graphOf({
      source: { imageName, width: 96, height: 64, strength: 0.6 },
      vae: modelNamed("Softer Colours VAE"),
      loras: [{ model: modelNamed("Woodcut Lines"), weight: 0.8 }],
      clipSkip: 1,
    }),
  );
  expect(items.map(({ status }) => status)).toEqual(["completed", "completed"]);
});

test("a batch whose enqueue lost its answer exists, once", async () => {
  const fault = await simulator.control.addFault({ kind: "answer_lost", route: "enqueueBatch" });
  const batchId = newBatchId();
  const error = await failureOf(client.enqueueBatch({ batchId, graph: graphOf(), slots }));
  expect(isOutcomeUnknown(error)).toBe(true);
  expect(await simulator.control.struck(fault)).toBe(1);
  expect((await client.getBatchStatus(batchId)).total).toBe(2);
  const { enqueues } = await simulator.control.state();
  expect(enqueues.filter((enqueue) => enqueue.batchId === batchId)).toHaveLength(1);
});

test("after a held answer, a 500, a 502 or an HTML page it is unknown whether the batch exists", async () => {
  const hasty = clientTo(simulator.url, 150);
  for (const kind of [
    "answer_held",
    "status_500_text",
    "status_502_html",
    "status_200_html",
  ] as const) {
    const fault = await simulator.control.addFault({ kind, route: "enqueueBatch" });
    const batch = { batchId: newBatchId(), graph: graphOf(), slots };
    const error = await providerErrorOf(hasty.enqueueBatch(batch));
    expect({ kind, unknown: isOutcomeUnknown(error) }).toEqual({ kind, unknown: true });
    expect(await simulator.control.struck(fault)).toBe(1);
    await simulator.control.clearFaults();
  }
});

test("after an aborted enqueue it is unknown whether the batch exists", async () => {
  await simulator.control.addFault({ kind: "answer_held", route: "enqueueBatch" });
  const controller = new AbortController();
  const batch = { batchId: newBatchId(), graph: graphOf(), slots };
  const call = failureOf(client.enqueueBatch(batch, controller.signal));
  await simulator.control.until(({ held }) => held.length === 1);
  const reason = new Error("cancelled");
  controller.abort(reason);
  const error = await call;
  expect(error).toBe(reason);
  expect(isOutcomeUnknown(error)).toBe(true);
});

test("a refused graph is not enqueued, and the error keeps only locations and reasons of the refusal", async () => {
  const graph = graphOf({ prompt: "a secret prompt" });
  graph.nodes.out!.type = "zzz";
  const batchId = newBatchId();
  const error = await providerErrorOf(client.enqueueBatch({ batchId, graph, slots }));
  expect(error).toMatchObject({ fault: "rejected", status: 422, retryable: false });
  expect(isOutcomeUnknown(error)).toBe(false);
  const cause = error.cause instanceof Error ? error.cause.message : "";
  expect(cause).toContain("body.batch.graph");
  expect(cause.length).toBeLessThan(2_000);
  expect(`${error.message} ${cause}`).not.toContain("secret");
  expect((await client.getBatchStatus(batchId)).total).toBe(0);
});

test("a full queue accepts a part of the batch or nothing, and reports how many items", async () => {
  await simulator.control.addFault({ kind: "processor_paused" });
  await simulator.control.addFault({ kind: "queue_full", maxQueueSize: 1 });
  const first = await client.enqueueBatch({ batchId: newBatchId(), graph: graphOf(), slots });
  expect(first).toEqual({ requested: 2, enqueued: 1 });
  const second = await client.enqueueBatch({ batchId: newBatchId(), graph: graphOf(), slots });
  expect(second).toEqual({ requested: 2, enqueued: 0 });
  expect(await client.getQueueStatus()).toMatchObject({ pending: 1, isProcessorRunning: false });
});

test("only integers in range are sent as data of a batch", async () => {
  const isSent = async (seed: number, index: number) => {
    let data: unknown;
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        ({ data } = ((await request.json()) as { batch: { data: unknown } }).batch);
        return Response.json({ requested: 1, enqueued: 1 });
      },
    });
    const batch = { batchId: "b", graph: graphOf(), slots: [{ index, seed }] };
    try {
      await clientTo(`http://127.0.0.1:${server.port}`).enqueueBatch(batch);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect(error.code).toBe("invokeai_graph_error");
    }
    return data;
  };
  for (const wrong of [101.5, -1, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(await isSent(wrong, 0)).toBeUndefined();
    expect(await isSent(1, wrong)).toBeUndefined();
  }
  // One group of two lists, so that InvokeAI zips them instead of combining all values.
  expect(await isSent(2 ** 32 - 1, 7)).toEqual([
    [
      { node_path: "seed", field_name: "value", items: [2 ** 32 - 1] },
      { node_path: "slot", field_name: "value", items: [7] },
    ],
  ]);
  const none = failureOf(client.enqueueBatch({ batchId: "b", graph: graphOf(), slots: [] }));
  expect(await none).toBeInstanceOf(AppError);
});

test("an unknown batch has no items, an unknown item and image are missing", async () => {
  expect((await client.getBatchStatus(newBatchId())).total).toBe(0);
  expect(await client.listBatchItems(newBatchId())).toEqual({ items: [], unreadable: 0 });
  expect((await providerErrorOf(client.getItem(999_999))).fault).toBe("missing");
  expect((await providerErrorOf(client.getImage("none.png"))).fault).toBe("missing");
  expect((await providerErrorOf(download("none.png"))).fault).toBe("missing");
});

test("a failed item has a reason in our words, the others of its batch have their images", async () => {
  await simulator.control.addFault({
    kind: "item_failure",
    item: 0,
    errorType: "OutOfMemoryError",
    errorMessage: "CUDA out of memory at /srv/secret.py",
  });
  const { items } = await finishedBatch();
  expect(items[0]).toMatchObject({
    status: "failed",
    imageName: null,
    failure: { reason: "out_of_memory", code: "invokeai_generation_error" },
  });
  expect(items[1]).toMatchObject({ status: "completed", failure: null });
  expect(JSON.stringify(items)).not.toContain("secret");
});

test("an item whose model is missing fails with a model error", async () => {
  const gone = { ...modelNamed("Inkwell Diffusion"), key: "gone" };
  const { items } = await finishedBatch(graphOf({ model: gone }));
  expect(items[0]?.failure).toMatchObject({
    reason: "model_missing",
    code: "invokeai_model_error",
    maxTries: 1,
  });
});

test("cancelling a batch cancels its running and pending items; a second cancel changes nothing", async () => {
  await simulator.control.holdStep({ item: 1, step: 1 });
  const batchId = newBatchId();
  const three = [...slots, { index: 4, seed: 9 }];
  await client.enqueueBatch({ batchId, graph: graphOf(), slots: three });
  await simulator.control.until(({ frozen }) => frozen?.batchId === batchId);
  await client.cancelBatch(batchId);
  await client.cancelBatch(batchId);
  const items = await itemsWhen(batchId, ended);
  expect(items.map(({ status }) => status)).toEqual(["completed", "cancelled", "cancelled"]);
  expect(items[0]?.imageName).not.toBeNull();
  expect((await client.getBatchStatus(batchId)).cancelled).toBe(2);
});

test("an image saved just before a restart, without an item that names it, is found by its batch id", async () => {
  await simulator.control.holdStep({ item: 0, step: "saved" });
  const batchId = newBatchId();
  // Resizing the source saves another image of the same InvokeAI session, which must not be found.
  const bytes = new Blob([new Uint8Array(await plain(96, 64, "#224488").png().toBuffer())]);
  const imageName = await client.uploadImage({ bytes, filename: "s.png", mimeType: "image/png" });
  const sourced = graphOf({ source: { imageName, width: 96, height: 64, strength: 0.5 } });
  const graph = placePictures(sourced, { batchId, boardId: null });
  await client.enqueueBatch({ batchId, graph, slots });
  await simulator.control.until(({ frozen }) => frozen?.batchId === batchId);
  await simulator.control.restart();
  const items = await itemsWhen(batchId, ended);
  expect(items.map(({ status }) => status)).toEqual(["cancelled", "completed"]);
  expect(items[0]?.imageName).toBeNull();
  const found = await client.findBatchImages(batchId);
  expect(found.map(({ seed }) => seed)).toEqual(slots.map(({ seed }) => seed));
  expect(found[1]?.imageName).toBe(items[1]?.imageName ?? "");
  expect(await client.findBatchImages(newBatchId())).toEqual([]);
});

test("an item that the server cannot load is counted, and the others are listed", async () => {
  const batchId = newBatchId();
  await client.enqueueBatch({ batchId, graph: graphOf(), slots });
  await itemsWhen(batchId, ended);
  // An invalid item under the same batch id, as our client never sends it.
  const response = await fetch(`${simulator.url}/api/v1/queue/default/enqueue_batch`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      prepend: false,
      batch: {
        batch_id: batchId,
        destination: batchId,
        runs: 1,
        data: [[{ node_path: "denoise", field_name: "scheduler", items: ["unheard"] }]],
        graph: graphOf(),
      },
    }),
  });
  expect(response.status).toBe(200);
  const { items, unreadable } = await client.listBatchItems(batchId);
  expect(items.map(({ seed }) => seed)).toEqual(slots.map(({ seed }) => seed));
  expect(unreadable).toBe(1);
  // Without the cancel no later item would run.
  await client.cancelBatch(batchId);
  const { items: others } = await finishedBatch();
  expect(others).toHaveLength(2);
});

test("a truncated download, a wrong length and a wrong type are retryable errors", async () => {
  const { items } = await finishedBatch();
  const { imageName } = items[0]!;
  for (const kind of ["truncated_body", "wrong_length", "wrong_content_type"] as const) {
    const fault = await simulator.control.addFault({ kind, route: "imageFull", times: 1 });
    const error = await providerErrorOf(download(imageName!));
    expect({ kind, retryable: error.retryable }).toEqual({ kind, retryable: true });
    expect(await simulator.control.struck(fault)).toBe(1);
  }
  expect((await download(imageName!)).length).toBeGreaterThan(0);
});

test("a stalled download times out, one above the size limit fails", async () => {
  const { items } = await finishedBatch();
  const { imageName } = items[0]!;
  await simulator.control.addFault({ kind: "stalled_body", route: "imageFull", times: 1 });
  const error = await providerErrorOf(
    download(imageName!, 1_000_000, clientTo(simulator.url, 150)),
  );
  expect(error.fault).toBe("timeout");
  expect(await providerErrorOf(download(imageName!, 50))).toMatchObject({
    fault: "broken",
    retryable: false,
  });
});

test("an answer that does not match its schema is broken", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json({ image_name: "../../secret", total: "many" }),
  });
  const other = clientTo(`http://127.0.0.1:${server.port}`);
  for (const call of [
    () => other.getVersion(),
    () => other.listModels(),
    () => other.getBatchStatus("b"),
    () => other.getItem(1),
    () => other.listBatchItems("b"),
    () => other.getImage("a.png"),
    () => other.findBatchImages("b"),
    () => other.ensureBoard("b"),
    () => other.cancelBatch("b"),
    () => other.getQueueStatus(),
    () => other.enqueueBatch({ batchId: "b", graph: graphOf(), slots }),
  ]) {
    expect((await providerErrorOf(call())).fault).toBe("broken");
  }
});

test("the server's times are read as UTC in any time zone of the worker", async () => {
  const wire = Bun.resolveSync("#activities/adapters/invokeai/wire", import.meta.dir);
  const script = `import { parseMoment } from ${JSON.stringify(wire)};
    console.log(parseMoment("2026-08-19 10:00:00.120").toISOString(), new Date(0).getHours());`;
  const worker = Bun.spawn([process.execPath, "--no-env-file", "-e", script], {
    env: { TZ: "Asia/Tokyo" },
    stdout: "pipe",
  });
  expect(await new Response(worker.stdout).text()).toBe("2026-08-19T10:00:00.120Z 9\n");
});

test("an unknown state of an item counts as in progress", () => {
  const item = {
    item_id: 1,
    batch_id: "b",
    session_id: "s",
    created_at: "2026-08-19 10:00:00.120",
    session: {},
  };
  expect(parseItem({ ...item, status: "waiting" }).status).toBe("in_progress");
  expect(parseItem({ ...item, status: "constructor" }).status).toBe("in_progress");
  expect(parseItem({ ...item, status: "canceled" }).status).toBe("cancelled");
});

test("a completed item that names no valid image counts as failed", () => {
  const item = parseItem({
    item_id: 1,
    batch_id: "b",
    status: "completed",
    session_id: "s",
    created_at: "2026-08-19 10:00:00.120",
    session: {
      source_prepared_mapping: { rin: ["a"], out: ["b"] },
      results: {
        a: { type: "image_output", image: { image_name: "helper.png" } },
        b: { type: "image_output", image: { image_name: "../../etc/passwd" } },
      },
    },
  });
  expect(item).toMatchObject({ imageName: null, failure: { reason: "image_missing" } });
});
