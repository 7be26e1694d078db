import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { SimulatorState } from "#simulators/invokeai/control";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { listFiles } from "#tests/support/library";
import { startGallery } from "#tests/support/running-gallery";
import { batchesOf, imagesOf, seedsOf } from "#tests/support/seeds";
import { until } from "#tests/support/wait";

const maxAttempts = 4;

const { stack, gallery } = await startGallery({
  env: { RETRIEVAL_MAX_ATTEMPTS: String(maxAttempts) },
  timings: { retrievalDelayMs: 500, retrievalMaxDelayMs: 500 },
});

afterEach(() => stack.invokeai.control.clearFaults());
afterAll(() => stack.stop(), 30_000);

const ended = ["completed", "failed", "cancelled"];

async function requestStep(parameters: object, more: object = {}): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { ...more, parameters })).id;
}

/** Waits for the end of a step and expects all its images. */
async function expectCompleted(stepId: string, amount: number): Promise<SimulatorState> {
  const step = await gallery.stepIs(stepId, ended);
  expect(step).toMatchObject({ status: "completed", images_failed: 0 });
  await gallery.allRetrieved(stepId, amount);
  return stack.invokeai.control.state();
}

describe("InvokeAI restarts in the middle: only the missing slots run again, with their seeds", () => {
  test("InvokeAI restarts while it generates the second of three images: only that one is requested again", async () => {
    const { control } = stack.invokeai;
    const held = await control.holdStep({ item: 1, step: 1 });
    const stepId = await requestStep({ seed: 210, batch_size: 3 });
    await gallery.photosAre(stepId, 1);
    await control.restart();
    expect(await control.struck(held)).toBe(1);
    const state = await expectCompleted(stepId, 3);
    expect(batchesOf(state, stepId)).toEqual([[210, 211, 212], [211]]);
    expect(seedsOf(state, stepId)).toEqual([210, 211, 212]);
  }, 90_000);

  test("InvokeAI restarts when an image is saved but not yet named by its item: it is adopted, not generated again", async () => {
    const { control } = stack.invokeai;
    const held = await control.holdStep({ item: 1, step: "saved" });
    const stepId = await requestStep({ seed: 220, batch_size: 3 });
    await gallery.photosAre(stepId, 1);
    await control.until((state) => state.frozen !== null);
    await control.restart();
    expect(await control.struck(held)).toBe(1);
    const state = await expectCompleted(stepId, 3);
    expect(batchesOf(state, stepId)).toEqual([[220, 221, 222]]);
    expect(seedsOf(state, stepId)).toEqual([220, 221, 222]);
    const names = (await gallery.photosOf(stepId)).map(({ photo }) => photo.invoke_id);
    expect(new Set(names)).toEqual(
      new Set(imagesOf(state, stepId).map(({ imageName }) => imageName)),
    );
  }, 90_000);
});

test("InvokeAI is restarted five times during the same image: it is requested again each time, and completed", async () => {
  const { control } = stack.invokeai;
  await control.addFault({ kind: "step_held", step: 1, times: 5 });
  const stepId = await requestStep({ seed: 230, batch_size: 1 });
  for (let time = 1; time <= 5; time += 1) {
    await control.until(({ frozen }) => frozen?.batchId === `${stepId}-${time}`);
    expect(await gallery.get(`/generation/steps/${stepId}`)).toMatchObject({
      status: "processing",
      images_failed: 0,
    });
    await control.restart();
  }
  const state = await expectCompleted(stepId, 1);
  expect(batchesOf(state, stepId)).toEqual([[230], [230], [230], [230], [230], [230]]);
  expect(seedsOf(state, stepId)).toEqual([230]);
}, 90_000);

describe("fetching an image", () => {
  test("An image download fails 3 times, then works: attempts counted, photo completed", async () => {
    const { control } = stack.invokeai;
    const faults = await Promise.all([
      control.addFault({ kind: "truncated_body", route: "imageFull", times: 1 }),
      control.addFault({ kind: "wrong_size_png", route: "imageFull", times: 1 }),
      control.addFault({ kind: "status_200_html", route: "imageFull", times: 1 }),
    ]);
    const stepId = await requestStep({ seed: 310, batch_size: 1 });
    const state = await expectCompleted(stepId, 1);
    expect(await Promise.all(faults.map((fault) => control.struck(fault)))).toEqual([1, 1, 1]);
    const [item] = await gallery.photosOf(stepId);
    expect(item?.photo).toMatchObject({ retrieval_status: "completed", retrieval_attempts: 3 });
    const sent = state.downloads.filter(({ imageName }) => imageName === item?.photo.invoke_id);
    expect(sent.map((download) => download.sent)).toEqual([false, false, false, true]);
  }, 90_000);

  test("Fails RETRIEVAL_MAX_ATTEMPTS times: photo failed, step completed with images_failed, run marked; the session's next step did not wait for it; a retry afterwards works", async () => {
    const { control } = stack.invokeai;
    const { sql } = stack.database;
    await control.addFault({ kind: "status_500_json", route: "imageFull" });
    const session = await gallery.createSession();
    const one = (seed: number) =>
      gallery.requestStep(session.id, { parameters: { seed, batch_size: 1 } });
    const [first, second] = [await one(320), await one(330)];
    // A lock on its row stops the retrieval between two attempts, so that it cannot fail meanwhile.
    const lock = await sql.reserve();
    await lock`begin`;
    const [photo] = await until("a first failed attempt", async () => {
      const rows = await lock`select id, retrieval_status from photos
        where step_id = ${first.id} and retrieval_attempts > 0 for update`;
      return rows.length > 0 && rows;
    });
    expect(photo?.retrieval_status).not.toBe("failed");
    await gallery.stepIs(second.id, ["completed"]);
    await lock`rollback`;
    lock.release();

    const failed = await until("a photo whose retrieval has failed", async () => {
      const [item] = await gallery.photosOf(first.id);
      return item?.retrieval_status === "failed" && item.photo;
    });
    expect(failed).toMatchObject({ retrieval_attempts: maxAttempts });
    expect(failed.retrieval_error).toContain("InvokeAI");
    expect(await gallery.get(`/generation/steps/${first.id}`)).toMatchObject({
      status: "completed",
      images_retrieved: 0,
      images_failed: 1,
    });
    const run = stack.temporal.workflow.getHandle(photoRetrievalId(failed.id));
    const marked = await until("a failed run", async () => {
      const seen = await run.describe();
      return seen.status.name === "FAILED" && seen;
    });
    expect(marked.searchAttributes.GalleryStatus).toEqual(["failed"]);
    const downloads = async () =>
      (await control.state()).downloads.filter(({ imageName }) => imageName === failed.invoke_id);
    expect(await downloads()).toHaveLength(maxAttempts);

    await control.clearFaults();
    await gallery.post(`/photos/${failed.id}/retry`);
    await gallery.allRetrieved(first.id, 1);
    expect(await gallery.get(`/generation/steps/${first.id}`)).toMatchObject({
      status: "completed",
      images_retrieved: 1,
      images_failed: 0,
    });
    expect(await downloads()).toHaveLength(maxAttempts + 1);
  }, 120_000);

  test("retry-retrievals fetches the images of a step whose retrieval has failed", async () => {
    const { control } = stack.invokeai;
    await control.addFault({ kind: "unreachable", route: "imageFull" });
    const stepId = await requestStep({ seed: 340, batch_size: 2 });
    await until("two photos whose retrieval has failed", async () => {
      const { retrieval_status: all } = await gallery.get(`/generation/steps/${stepId}/status`);
      return all.failed === 2;
    });
    await control.clearFaults();
    const answer = await gallery.post(`/generation/steps/${stepId}/retry-retrievals`);
    expect(answer.retrying).toBe(2);
    await gallery.allRetrieved(stepId, 2);
    const [item] = await gallery.photosOf(stepId);
    expect(await listFiles(stack.dataDir, "generated")).toContainEqual(
      expect.stringContaining(item?.image_id),
    );
    // Signalled at once, not started by a later reconcile.
    const { events } = await stack.temporal.workflow
      .getHandle(photoRetrievalId(item?.image_id))
      .fetchHistory();
    const signals = events?.map((event) => event.workflowExecutionSignaledEventAttributes);
    expect(signals?.map((signal) => signal?.signalName)).toContain("retryNow");
  }, 90_000);
});

describe("items that fail", () => {
  const outOfMemory = {
    kind: "item_failure",
    errorType: "OutOfMemoryError",
    errorMessage: "CUDA out of memory. Tried to allocate 2.00 GiB",
  } as const;

  test("every image runs out of memory: the step fails with code and suggestion, and a retry generates them all", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ ...outOfMemory, times: 2 });
    const stepId = await requestStep({ seed: 410, batch_size: 2 });
    const step = await gallery.stepIs(stepId, ended);
    expect(await control.struck(fault)).toBe(2);
    expect(step).toMatchObject({
      status: "failed",
      images_failed: 2,
      error: {
        code: "invokeai_generation_error",
        message: "InvokeAI ran out of memory.",
        suggestion: "Choose a smaller size, a smaller batch or a smaller model.",
      },
    });
    await gallery.post(`/generation/steps/${stepId}/retry`);
    const state = await expectCompleted(stepId, 2);
    expect(batchesOf(state, stepId)).toEqual([
      [410, 411],
      [410, 411],
    ]);
  }, 90_000);

  test("a step that is retried as soon as its row has failed runs again", async () => {
    const { control } = stack.invokeai;
    const { sql } = stack.database;
    // Stops the step's run after the end of its row and before its own end.
    await sql.unsafe(`
      create function stand_still() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
      create trigger stand_still before delete on step_progress execute function stand_still();`);
    const lock = await sql.reserve();
    await lock`select pg_advisory_lock(1)`;
    await control.addFault(outOfMemory);
    const stepId = await requestStep({ seed: 415, batch_size: 1 });
    await gallery.stepIs(stepId, ["failed"]);
    const retried = await gallery.post(`/generation/steps/${stepId}/retry`);
    expect(retried.status).toBe("pending");
    await lock`select pg_advisory_unlock(1)`;
    lock.release();
    const state = await expectCompleted(stepId, 1);
    expect(batchesOf(state, stepId)).toEqual([[415], [415]]);
  }, 90_000);

  test("one of three images fails: the step is completed and says that one is missing", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ ...outOfMemory, item: 1 });
    const stepId = await requestStep({ seed: 420, batch_size: 3 });
    const step = await gallery.stepIs(stepId, ended);
    expect(await control.struck(fault)).toBe(1);
    expect(step).toMatchObject({ status: "completed", images_failed: 1 });
    await gallery.allRetrieved(stepId, 2);
    const photos = await gallery.photosOf(stepId);
    expect(photos.map(({ photo }) => photo.generation_metadata.seed)).toEqual([420, 422]);
    expect(batchesOf(await control.state(), stepId)).toEqual([[420, 421, 422]]);
  }, 90_000);

  test("a batch that vanishes from the queue: only the missing images are requested again", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 1, step: 1 });
    const stepId = await requestStep({ seed: 430, batch_size: 3 });
    await gallery.photosAre(stepId, 1);
    const { frozen } = await control.until((state) => state.frozen !== null);
    await control.vanishBatch(frozen?.batchId ?? "");
    const state = await expectCompleted(stepId, 3);
    expect(batchesOf(state, stepId)).toEqual([
      [430, 431, 432],
      [431, 432],
    ]);
  }, 90_000);
});

describe("an InvokeAI that does not accept a batch at once", () => {
  test("the queue is full, then has space: the batch is sent once", async () => {
    const { control } = stack.invokeai;
    const full = await control.addFault({ kind: "queue_full", maxQueueSize: 0 });
    const stepId = await requestStep({ seed: 510, batch_size: 2 });
    await until("two refusals", async () => (await control.struck(full)) >= 2);
    await until("a message about it", async () => {
      const step = await gallery.get(`/generation/steps/${stepId}`);
      return step.progress_message?.includes("queue is full");
    });
    await control.clearFaults();
    const state = await expectCompleted(stepId, 2);
    expect(batchesOf(state, stepId)).toEqual([[510, 511]]);
  }, 90_000);

  test("the queue has space for a part of the batch: the rest follows in a second batch", async () => {
    const { control } = stack.invokeai;
    const full = await control.addFault({ kind: "queue_full", maxQueueSize: 3 });
    const stepId = await requestStep({ seed: 520, batch_size: 4 });
    const state = await expectCompleted(stepId, 4);
    expect(await control.struck(full)).toBe(1);
    expect(batchesOf(state, stepId)).toEqual([[520, 521, 522], [523]]);
  }, 90_000);

  test("InvokeAI cannot be reached when a step is requested: it waits with the reason and runs when InvokeAI answers", async () => {
    const { control } = stack.invokeai;
    await gallery.post("/models/refresh");
    await control.addFault({ kind: "unreachable", route: "any" });
    const stepId = await requestStep({ seed: 530, batch_size: 1 });
    const waiting = await until("the reason", async () => {
      const step = await gallery.get(`/generation/steps/${stepId}`);
      return /does not answer|cannot be reached/.test(step.progress_message) && step;
    });
    // Processing, if InvokeAI was checked just before and the turn was granted on the strength of that.
    expect(waiting.status).toBeOneOf(["pending", "processing"]);
    expect(await gallery.get("/backend/status")).toMatchObject({ connected: false });
    await control.clearFaults();
    const state = await expectCompleted(stepId, 1);
    expect(batchesOf(state, stepId)).toEqual([[530]]);
  }, 90_000);

  test("the answer to an enqueue is lost: the batch is found, not sent again", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ kind: "answer_lost", route: "enqueueBatch", times: 1 });
    const stepId = await requestStep({ seed: 540, batch_size: 2 });
    const state = await expectCompleted(stepId, 2);
    expect(await control.struck(fault)).toBe(1);
    expect(batchesOf(state, stepId)).toEqual([[540, 541]]);
    expect(seedsOf(state, stepId)).toEqual([540, 541]);
  }, 90_000);

  test("an enqueue that never arrives is sent again, and makes one batch", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ kind: "unreachable", route: "enqueueBatch", times: 1 });
    const stepId = await requestStep({ seed: 550, batch_size: 1 });
    const state = await expectCompleted(stepId, 1);
    expect(await control.struck(fault)).toBe(1);
    expect(batchesOf(state, stepId)).toEqual([[550]]);
  }, 90_000);

  test("HTML pages and errors 500 on every route that a step calls: the step is completed with one batch", async () => {
    const { control } = stack.invokeai;
    const faults = await Promise.all([
      control.addFault({ kind: "status_200_html", route: "batchStatus", times: 1 }),
      control.addFault({ kind: "status_502_html", route: "enqueueBatch", times: 1 }),
      control.addFault({
        kind: "status_500_text",
        route: "enqueueBatch",
        times: 1,
        processed: true,
      }),
      control.addFault({ kind: "status_200_html", route: "listAll", times: 2 }),
      control.addFault({ kind: "status_500_json", route: "imageFull", times: 1 }),
    ]);
    const stepId = await requestStep({ seed: 560, batch_size: 1 });
    const state = await expectCompleted(stepId, 1);
    expect(await Promise.all(faults.map((fault) => control.struck(fault)))).toEqual([
      1, 1, 1, 2, 1,
    ]);
    expect(batchesOf(state, stepId)).toEqual([[560]]);
  }, 90_000);
});
