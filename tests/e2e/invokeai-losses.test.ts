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

/** Sends to InvokeAI as another client would. */
async function asAnother(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${stack.invokeai.url}/api/v1${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
  return response.json();
}

/** Deletes images of a step, by their place in it, while none of them can be fetched. */
async function loseImages(stepId: string, places: number[]): Promise<void> {
  const photos = await gallery.photosOf(stepId);
  const image_names = places.map((at) => photos[at]?.photo.invoke_id);
  await asAnother("POST", "/images/delete", { image_names });
  await stack.invokeai.control.clearFaults();
}

const holdDownloads = () =>
  stack.invokeai.control.addFault({ kind: "request_held", route: "imageFull" });

async function sendForeignBatch(batch_id: string, runs: number): Promise<void> {
  const out = { id: "out", type: "blank_image", width: 64, height: 64, use_cache: false };
  const graph = { id: "g", nodes: { out }, edges: [] };
  const path = "/queue/default/enqueue_batch";
  await asAnother("POST", path, { batch: { batch_id, destination: "theirs", runs, graph } });
}

const foreignBatch = (batch_id: string) => asAnother("GET", `/queue/default/b/${batch_id}/status`);

describe("images that InvokeAI no longer has", () => {
  test("deleted before they were fetched: the step says so at once, and a retry makes them again with their seeds", async () => {
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

  test("one of a completed step: it is told with the step, and the retry runs that one alone; with nothing missing there is none", async () => {
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

  test("InvokeAI's database is wiped in the middle: what is here stays, what was not fetched is lost, the rest runs again", async () => {
    const { control } = stack.invokeai;
    // One comes home, one is made and not fetched, the third is being drawn.
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

describe("what others do in InvokeAI's queue", () => {
  test("the batch is deleted when an image is made that nobody had looked at: it is found, and only the rest runs again", async () => {
    const { control } = stack.invokeai;
    // Nothing is seen of the batch before it is gone.
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

  test("one item is deleted: its image alone is asked for again", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 0, step: 1 });
    const stepId = await requestStep({ seed: 650, batch_size: 3 });
    const { frozen, enqueues } = await control.until((state) => state.frozen !== null);
    const batch = enqueues.find(({ batchId }) => batchId === frozen?.batchId);
    await asAnother("DELETE", `/queue/default/i/${batch?.itemIds[1]}`);
    await control.release();
    await gallery.stepIs(stepId, ["completed"]);
    await gallery.allRetrieved(stepId, 3);
    const state = await control.state();
    expect(batchesOf(state, stepId)).toEqual([[650, 651, 652], [651]]);
    expect(seedsOf(state, stepId)).toEqual([650, 651, 652]);
  }, 90_000);

  test("the jobs of another client run untouched through our cancel, retry and settling", async () => {
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
    await until("the end of theirs", async () => (await foreignBatch("theirs-1")).completed === 3);
    expect(await foreignBatch("theirs-1")).toMatchObject({ canceled: 0, failed: 0, total: 3 });
    expect(batchesOf(await control.state(), stepId)).toEqual([
      [660, 661, 662],
      [661, 662],
    ]);
  }, 90_000);

  test("an item of ours that InvokeAI cannot load is cancelled, the step says so, and the queue moves on", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 0, step: 1 });
    const stepId = await requestStep({ seed: 670, batch_size: 1 });
    const { frozen } = await control.until((state) => state.frozen !== null);
    await sendForeignBatch("theirs-2", 1);
    // Under our batch's id, what we never send.
    const batch_id = frozen?.batchId ?? "";
    const graph = { id: "g", nodes: { n: { id: "n", type: "noise", width: 64, height: 64 } } };
    const data = [[{ node_path: "n", field_name: "width", items: [65] }]];
    await asAnother("DELETE", `/queue/default/i/${frozen?.itemId}`);
    await asAnother("POST", "/queue/default/enqueue_batch", {
      prepend: true,
      batch: { batch_id, destination: batch_id, runs: 1, data, graph: { ...graph, edges: [] } },
    });
    const step = await gallery.stepIs(stepId, ended);
    expect(step).toMatchObject({
      status: "failed",
      error: { code: "invokeai_graph_error", message: expect.stringContaining("cannot load it") },
    });
    await until("the end of theirs", async () => (await foreignBatch("theirs-2")).completed === 1);
    expect(await foreignBatch(batch_id)).toMatchObject({ pending: 0, canceled: 1 });
  }, 90_000);
});

describe("failures that differ in what can be done about them", () => {
  const failing = (errorType: string, errorMessage: string, times: number) =>
    stack.invokeai.control.addFault({ kind: "item_failure", errorType, errorMessage, times });

  test("one that nobody knows is tried three times in all", async () => {
    const fault = await failing("RuntimeError", "CUDA error: unspecified launch failure", 9);
    const stepId = await requestStep({ seed: 710, batch_size: 1 });
    const step = await gallery.stepIs(stepId, ["failed"]);
    expect(step.error).toMatchObject({ code: "invokeai_generation_error" });
    expect(await stack.invokeai.control.struck(fault)).toBe(3);
  }, 90_000);

  test("one that passes costs nothing but another batch for that image", async () => {
    const { control } = stack.invokeai;
    await failing("RuntimeError", "CUDA error: unspecified launch failure", 1);
    const stepId = await requestStep({ seed: 720, batch_size: 2 });
    await gallery.stepIs(stepId, ["completed"]);
    await gallery.allRetrieved(stepId, 2);
    expect(batchesOf(await control.state(), stepId)).toEqual([[720, 721], [720]]);
    expect((await stepOf(stepId)).error).toBeUndefined();
  }, 90_000);

  test("a model that is gone is not asked for again", async () => {
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
  test("the source of two steps is uploaded once; one that is deleted in the middle is uploaded again", async () => {
    const { control } = stack.invokeai;
    const picture = async (colour: string) =>
      gallery.upload(await plain(200, 100, colour).png().toBuffer());
    const from = (seed: number, photo: { id?: string }) =>
      requestStep({ seed, batch_size: 1 }, { source_image_id: photo.id });
    const blue = await picture("#3366aa");
    for (const seed of [810, 820]) await gallery.stepIs(await from(seed, blue), ["completed"]);
    expect((await control.state()).uploads).toHaveLength(1);
    // Gone between the enqueue and the run.
    await asAnother("PUT", "/queue/default/processor/pause");
    const stepId = await from(830, await picture("#aa6633"));
    const { uploads } = await control.until(({ queue }) => queue.pending === 1);
    await asAnother("DELETE", `/images/i/${uploads[1]?.imageName}`);
    await asAnother("PUT", "/queue/default/processor/resume");
    await gallery.stepIs(stepId, ["completed"]);
    const state = await control.state();
    expect(state.uploads).toHaveLength(3);
    expect(batchesOf(state, stepId)).toEqual([[830], [830]]);
  }, 90_000);

  test("pictures, and nothing else, go on the board that the settings name, made once; without it they come all the same", async () => {
    const { control } = stack.invokeai;
    const boards = () => asAnother("GET", "/boards/?all=true");
    await gallery.patch("/settings", { backend: { board_name: " Gallery " } });
    for (const seed of [840, 841]) {
      await gallery.stepIs(await requestStep({ seed, batch_size: 1 }), ["completed"]);
    }
    const [board, ...others] = await boards();
    expect([board.board_name, others]).toEqual(["Gallery", []]);
    const onBoard = await asAnother("GET", `/images/?board_id=${board.board_id}&limit=10`);
    expect(onBoard.total).toBe(2);
    await control.addFault({ kind: "status_500_json", route: "listBoards" });
    await gallery.stepIs(await requestStep({ seed: 842, batch_size: 1 }), ["completed"]);
    await gallery.patch("/settings", { backend: { board_name: null } });
  }, 90_000);
});
