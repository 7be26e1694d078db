import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { plain } from "#tests/fixtures/pictures";
import { startGallery } from "#tests/support/running-gallery";
import { batchesOf, seedsOf } from "#tests/support/seeds";
import { until } from "#tests/support/wait";

const { stack, gallery } = await startGallery();

afterEach(() => stack.invokeai.control.clearFaults());
afterAll(() => stack.stop(), 30_000);

const ended = ["completed", "failed", "cancelled"];

async function requestStep(parameters: object, more: object = {}): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { ...more, parameters })).id;
}

const stepOf = (stepId: string) => gallery.get(`/generation/steps/${stepId}`);

/** Calls InvokeAI as another client. */
async function callInvokeAi(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${stack.invokeai.url}/api/v1${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
  return response.json();
}

/** Deletes images of a step by their slot indexes, while downloads are held. */
async function loseImages(stepId: string, indexes: number[]): Promise<void> {
  const photos = await gallery.photosOf(stepId);
  const image_names = indexes.map((at) => photos[at]?.photo.invoke_id);
  await callInvokeAi("POST", "/images/delete", { image_names });
  await stack.invokeai.control.clearFaults();
}

const holdDownloads = () =>
  stack.invokeai.control.addFault({ kind: "request_held", route: "imageFull" });

async function sendForeignBatch(batch_id: string, runs: number): Promise<void> {
  const out = { id: "out", type: "blank_image", width: 64, height: 64, use_cache: false };
  const graph = { id: "g", nodes: { out }, edges: [] };
  const path = "/queue/default/enqueue_batch";
  await callInvokeAi("POST", path, { batch: { batch_id, destination: "theirs", runs, graph } });
}

const foreignBatch = (batch_id: string) =>
  callInvokeAi("GET", `/queue/default/b/${batch_id}/status`);

describe("images that InvokeAI no longer has", () => {
  test("deleted before they were fetched: the step fails at once, and a retry generates them again with their seeds", async () => {
    const { control } = stack.invokeai;
    await holdDownloads();
    const stepId = await requestStep({ seed: 610, batch_size: 2 });
    await gallery.photosAre(stepId, 2);
    await loseImages(stepId, [0, 1]);
    const failed = await gallery.stepIs(stepId, ended);
    expect(failed).toMatchObject({
      status: "failed",
      images_retrieved: 0,
      images_failed: 2,
      error: { code: "invokeai_retrieval_error", suggestion: expect.stringContaining("again") },
    });
    const before = await gallery.photosOf(stepId);
    expect(before.map(({ photo }) => photo.retrieval_attempts)).toEqual([1, 1]);
    expect(before[0]?.photo.retrieval_error).toContain("no longer has the image");
    await gallery.post(`/generation/steps/${stepId}/retry`);
    expect(await gallery.stepIs(stepId, ["completed"])).toMatchObject({ status: "completed" });
    await gallery.allRetrieved(stepId, 2);
    expect((await gallery.photosOf(stepId)).map(({ image_id }) => image_id)).toEqual(
      before.map(({ image_id }) => image_id),
    );
    expect(batchesOf(await control.state(), stepId)).toEqual([
      [610, 611],
      [610, 611],
    ]);
  }, 90_000);

  test("one of a completed step: the step reports it, and a retry generates that one only; a retry with nothing missing is 409", async () => {
    const { control } = stack.invokeai;
    await holdDownloads();
    const stepId = await requestStep({ seed: 620, batch_size: 3 });
    await gallery.photosAre(stepId, 3);
    await loseImages(stepId, [1]);
    const step = await gallery.stepIs(stepId, ended);
    expect(step).toMatchObject({
      status: "completed",
      images_failed: 1,
      error: { code: "invokeai_retrieval_error" },
    });
    await gallery.allRetrieved(stepId, 2);
    await gallery.post(`/generation/steps/${stepId}/retry`);
    await gallery.allRetrieved(stepId, 3);
    const again = await gallery.stepIs(stepId, ["completed"]);
    expect(again).toMatchObject({ images_retrieved: 3, images_failed: 0 });
    expect(again.error).toBeUndefined();
    expect(batchesOf(await control.state(), stepId)).toEqual([[620, 621, 622], [621]]);
    const refused = await gallery.post(`/generation/steps/${stepId}/retry`).catch(String);
    expect(refused).toContain("409");
  }, 90_000);

  test("deleted before it was fetched, while others are generated: one failure and one event, until a retry generates it again", async () => {
    const { control } = stack.invokeai;
    await control.addFault({ kind: "request_held", route: "imageFull", times: 1 });
    await control.holdStep({ item: 1, step: 1 });
    const stepId = await requestStep({ seed: 625, batch_size: 2 });
    await gallery.photosAre(stepId, 1);
    await control.until((state) => state.frozen !== null);
    const [lost] = await gallery.photosOf(stepId);
    // The download finds nothing, and the batch is polled again while its other image is still being generated.
    await callInvokeAi("POST", "/images/delete", { image_names: [lost?.photo.invoke_id] });
    await control.addFault({ kind: "step_held", item: 1, step: 2 });
    await control.release();
    const photo = () => gallery.get(`/photos/${lost?.image_id}`);
    await until("a lost image", async () => (await photo()).retrieval_status === "failed");
    const polls = async () => (await control.state()).requests.listAll ?? 0;
    const before = await polls();
    await until("two more polls", async () => (await polls()) >= before + 2);
    await control.clearFaults();
    const step = await gallery.stepIs(stepId, ended);
    expect(step).toMatchObject({ status: "completed", images_failed: 1 });
    const [failed] = await stack.database.sql`
      select count(*)::int as amount from events
      where type = 'photo.retrieval_failed' and data->>'photo_id' = ${lost?.image_id}`;
    expect(failed?.amount).toBe(1);
    await gallery.post(`/generation/steps/${stepId}/retry`);
    await gallery.allRetrieved(stepId, 2);
    expect(batchesOf(await control.state(), stepId)).toEqual([[625, 626], [625]]);
  }, 90_000);

  test.each(["recorded", "half_written"] as const)(
    "InvokeAI is killed when an image is %s: it is generated again automatically",
    async (step) => {
      const { control } = stack.invokeai;
      await control.holdStep({ item: 2, step });
      const seed = step === "recorded" ? 690 : 695;
      const stepId = await requestStep({ seed, batch_size: 3 });
      await control.until((state) => state.frozen !== null);
      await control.restart();
      expect(await gallery.stepIs(stepId, ended)).toMatchObject({ status: "completed" });
      await gallery.allRetrieved(stepId, 3);
      expect(batchesOf(await control.state(), stepId)).toEqual([
        [seed, seed + 1, seed + 2],
        [seed + 2],
      ]);
    },
    90_000,
  );

  test("InvokeAI's database is wiped during a step: fetched images stay, an unfetched one is lost, the missing one is generated again", async () => {
    const { control } = stack.invokeai;
    // The first image is fetched, the second is generated but not fetched, the third is being generated.
    await control.addFault({ kind: "request_held", route: "imageFull", skip: 1 });
    await control.holdStep({ item: 2, step: 1 });
    const stepId = await requestStep({ seed: 630, batch_size: 3 });
    await until("one fetched photo", async () => {
      const { retrieval_status: all } = await gallery.get(`/generation/steps/${stepId}/status`);
      return all.completed === 1 && all.pending === 1;
    });
    await control.until((state) => state.frozen !== null);
    await control.wipe();
    await control.clearFaults();
    const step = await gallery.stepIs(stepId, ended);
    expect(step).toMatchObject({ status: "completed", images_failed: 1 });
    await gallery.allRetrieved(stepId, 2);
    expect(batchesOf(await control.state(), stepId)).toEqual([[630, 631, 632], [632]]);
    const photos = (await gallery.photosOf(stepId)).map(({ photo }) => photo);
    const lost = photos.find((photo) => photo.retrieval_status === "failed");
    await gallery.post(`/generation/steps/${stepId}/retry`);
    await gallery.allRetrieved(stepId, 3);
    const { seed } = lost?.generation_metadata ?? {};
    expect(batchesOf(await control.state(), stepId)).toEqual([[630, 631, 632], [632], [seed]]);
  }, 90_000);
});

describe("other clients of InvokeAI's queue", () => {
  test("the batch is deleted after an image that was not yet recorded: the image is found, and only the others are generated again", async () => {
    const { control } = stack.invokeai;
    // The worker reads nothing of the batch before it is deleted.
    await control.addFault({ kind: "status_500_text", route: "listAll" });
    await control.addFault({ kind: "status_500_text", route: "itemIds" });
    await control.holdStep({ item: 1, step: 1 });
    const stepId = await requestStep({ seed: 640, batch_size: 3 });
    const { frozen } = await control.until((state) => state.frozen !== null);
    await control.vanishBatch(frozen?.batchId ?? "");
    await control.clearFaults();
    await gallery.stepIs(stepId, ["completed"]);
    await gallery.allRetrieved(stepId, 3);
    const state = await control.state();
    expect(batchesOf(state, stepId)).toEqual([
      [640, 641, 642],
      [641, 642],
    ]);
    expect(seedsOf(state, stepId)).toEqual([640, 641, 642]);
  }, 90_000);

  test("one item is deleted: only its image is requested again", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 0, step: 1 });
    const stepId = await requestStep({ seed: 650, batch_size: 3 });
    const { frozen, enqueues } = await control.until((state) => state.frozen !== null);
    const batch = enqueues.find(({ batchId }) => batchId === frozen?.batchId);
    await callInvokeAi("DELETE", `/queue/default/i/${batch?.itemIds[1]}`);
    await control.release();
    await gallery.stepIs(stepId, ["completed"]);
    await gallery.allRetrieved(stepId, 3);
    const state = await control.state();
    expect(batchesOf(state, stepId)).toEqual([[650, 651, 652], [651]]);
    expect(seedsOf(state, stepId)).toEqual([650, 651, 652]);
  }, 90_000);

  test("another client's batch is not affected by our cancel and retry", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 1, step: 1 });
    const stepId = await requestStep({ seed: 660, batch_size: 3 });
    await gallery.photosAre(stepId, 1);
    await control.until((state) => state.frozen !== null);
    await sendForeignBatch("theirs-1", 3);
    expect(await foreignBatch("theirs-1")).toMatchObject({ pending: 3, total: 3 });
    await gallery.post(`/generation/steps/${stepId}/cancel`);
    await gallery.stepIs(stepId, ["cancelled"]);
    await gallery.post(`/generation/steps/${stepId}/retry`);
    await gallery.allRetrieved(stepId, 3);
    await until(
      "the end of the other client's batch",
      async () => (await foreignBatch("theirs-1")).completed === 3,
    );
    expect(await foreignBatch("theirs-1")).toMatchObject({ canceled: 0, failed: 0, total: 3 });
    expect(batchesOf(await control.state(), stepId)).toEqual([
      [660, 661, 662],
      [661, 662],
    ]);
  }, 90_000);

  test("an item of ours that InvokeAI cannot load is cancelled, the step fails with the reason, and the queue continues", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 0, step: 1 });
    const stepId = await requestStep({ seed: 670, batch_size: 1 });
    const { frozen } = await control.until((state) => state.frozen !== null);
    await sendForeignBatch("theirs-2", 1);
    // An invalid item under our batch's id, as we never send it.
    const batch_id = frozen?.batchId ?? "";
    const graph = { id: "g", nodes: { n: { id: "n", type: "noise", width: 64, height: 64 } } };
    const data = [[{ node_path: "n", field_name: "width", items: [65] }]];
    await callInvokeAi("DELETE", `/queue/default/i/${frozen?.itemId}`);
    await callInvokeAi("POST", "/queue/default/enqueue_batch", {
      prepend: true,
      batch: { batch_id, destination: batch_id, runs: 1, data, graph: { ...graph, edges: [] } },
    });
    const step = await gallery.stepIs(stepId, ended);
    expect(step).toMatchObject({
      status: "failed",
      error: { code: "invokeai_graph_error", message: expect.stringContaining("cannot load it") },
    });
    await until(
      "the end of the other client's batch",
      async () => (await foreignBatch("theirs-2")).completed === 1,
    );
    expect(await foreignBatch(batch_id)).toMatchObject({ pending: 0, canceled: 1 });
  }, 90_000);
});

describe("a failed item", () => {
  const failing = (errorType: string, errorMessage: string, times: number) =>
    stack.invokeai.control.addFault({ kind: "item_failure", errorType, errorMessage, times });

  test("with an unknown error is tried three times in all", async () => {
    const fault = await failing("RuntimeError", "CUDA error: unspecified launch failure", 9);
    const stepId = await requestStep({ seed: 710, batch_size: 1 });
    const step = await gallery.stepIs(stepId, ["failed"]);
    expect(step.error).toMatchObject({ code: "invokeai_generation_error" });
    expect(await stack.invokeai.control.struck(fault)).toBe(3);
  }, 90_000);

  test("with a transient error only causes another batch for its image", async () => {
    const { control } = stack.invokeai;
    await failing("RuntimeError", "CUDA error: unspecified launch failure", 1);
    const stepId = await requestStep({ seed: 720, batch_size: 2 });
    await gallery.stepIs(stepId, ["completed"]);
    await gallery.allRetrieved(stepId, 2);
    expect(batchesOf(await control.state(), stepId)).toEqual([[720, 721], [720]]);
    expect((await stepOf(stepId)).error).toBeUndefined();
  }, 90_000);

  test("with a missing model is not tried again", async () => {
    const fault = await failing("UnknownModelException", "No model 5c0d", 9);
    const stepId = await requestStep({ seed: 730, batch_size: 1 });
    const step = await gallery.stepIs(stepId, ["failed"]);
    expect(step.error).toMatchObject({
      code: "invokeai_model_error",
      suggestion: expect.stringContaining("Refresh"),
    });
    expect(await stack.invokeai.control.struck(fault)).toBe(1);
  }, 90_000);
});

describe("sources and boards", () => {
  test("the source of two steps is uploaded once; a source deleted before its batch runs is uploaded again", async () => {
    const { control } = stack.invokeai;
    const picture = async (colour: string) =>
      gallery.upload(await plain(200, 100, colour).png().toBuffer());
    const from = (seed: number, photo: { id?: string }) =>
      requestStep({ seed, batch_size: 1 }, { source_image_id: photo.id });
    const blue = await picture("#3366aa");
    for (const seed of [810, 820]) await gallery.stepIs(await from(seed, blue), ["completed"]);
    expect((await control.state()).uploads).toHaveLength(1);
    // Deleted between the enqueue and the run.
    await callInvokeAi("PUT", "/queue/default/processor/pause");
    const stepId = await from(830, await picture("#aa6633"));
    const { uploads } = await control.until(({ queue }) => queue.pending === 1);
    await callInvokeAi("DELETE", `/images/i/${uploads[1]?.imageName}`);
    await callInvokeAi("PUT", "/queue/default/processor/resume");
    await gallery.stepIs(stepId, ["completed"]);
    const state = await control.state();
    expect(state.uploads).toHaveLength(3);
    expect(batchesOf(state, stepId)).toEqual([[830], [830]]);
  }, 90_000);

  test("generated images, and no others, are put on the board in the settings, which is created once; a step completes without the board too", async () => {
    const { control } = stack.invokeai;
    const boards = () => callInvokeAi("GET", "/boards/?all=true");
    await gallery.patch("/settings", { backend: { board_name: " Gallery " } });
    for (const seed of [840, 841]) {
      await gallery.stepIs(await requestStep({ seed, batch_size: 1 }), ["completed"]);
    }
    const [board, ...others] = await boards();
    expect([board.board_name, others]).toEqual(["Gallery", []]);
    const onBoard = await callInvokeAi("GET", `/images/?board_id=${board.board_id}&limit=10`);
    expect(onBoard.total).toBe(2);
    await control.addFault({ kind: "status_500_json", route: "listBoards" });
    await gallery.stepIs(await requestStep({ seed: 842, batch_size: 1 }), ["completed"]);
    await gallery.patch("/settings", { backend: { board_name: null } });
  }, 90_000);
});
