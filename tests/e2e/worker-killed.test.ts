import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { GalleryClient } from "#tests/support/gallery";
import { listFiles, listUnfinished } from "#tests/support/library";
import type { TestProcess } from "#tests/support/process";
import { startGallery } from "#tests/support/running-gallery";
import { askedSeeds, madeSeeds } from "#tests/support/seeds";
import type { Stack } from "#tests/support/stack";
import { until } from "#tests/support/wait";

let stack: Stack;
let gallery: GalleryClient;
let worker: TestProcess;

beforeEach(async () => {
  ({ stack, worker, gallery } = await startGallery());
}, 60_000);

afterEach(() => stack.stop(), 30_000);

async function requestStep(): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id)).id;
}

/** What every kill must leave: one image per slot on both sides, no batch sent twice, no file too many. */
async function expectEachImageOnce(stepId: string): Promise<void> {
  const step = await gallery.stepIs(stepId, ["completed", "failed", "cancelled"]);
  expect(step.status).toBe("completed");
  await gallery.allRetrieved(stepId, 4);
  const simulator = await stack.invokeai.control.state();
  expect(askedSeeds(simulator)).toEqual([100, 101, 102, 103]);
  expect(madeSeeds(simulator)).toEqual([100, 101, 102, 103]);
  expect(await gallery.photosOf(stepId)).toHaveLength(4);
  expect(await listFiles(stack.dataDir, "generated")).toHaveLength(4);
  // Cleared by whoever completes the photo, a moment after its row says so.
  await until("no unfinished file", async () => (await listUnfinished(stack.dataDir)).length === 0);
}

describe("a killed worker resumes the step without a second batch", () => {
  test("worker killed before the enqueue: a new worker finishes, each image once", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ kind: "request_held", route: "batchStatus", times: 1 });
    const stepId = await requestStep();
    await control.until((state) => state.held.length === 1);
    await worker.kill();
    expect(await control.struck(fault)).toBe(1);
    expect((await control.state()).enqueues).toEqual([]);
    await control.release();
    await stack.startWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);

  test("worker killed after the enqueue was accepted but before its answer: a new worker finishes, each image once", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ kind: "answer_held", route: "enqueueBatch", times: 1 });
    const stepId = await requestStep();
    await control.until((state) => state.held.length === 1);
    await worker.kill();
    expect(await control.struck(fault)).toBe(1);
    await control.release();
    await stack.startWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);

  test("worker killed during generation: a new worker finishes, each image once", async () => {
    const { control } = stack.invokeai;
    const fault = await control.holdStep({ item: 2, step: 2 });
    const stepId = await requestStep();
    await control.until((state) => state.frozen !== null);
    await worker.kill();
    expect(await control.struck(fault)).toBe(1);
    await control.release();
    await stack.startWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);

  test("worker killed during a download: a new worker finishes, each image once", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ kind: "stalled_body", route: "imageFull" });
    const stepId = await requestStep();
    await control.until((state) => state.held.length > 0 || state.downloads.length > 0);
    await until(
      "a file that is being written",
      async () => (await listUnfinished(stack.dataDir)).length > 0,
    );
    await worker.kill();
    expect(await control.struck(fault)).toBeGreaterThan(0);
    await control.clearFaults();
    await stack.startWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);

  test("worker killed between file rename and row update: a new worker finishes, each image once", async () => {
    const { control } = stack.invokeai;
    const fault = await control.addFault({ kind: "request_held", route: "imageFull" });
    const stepId = await requestStep();
    await control.until((state) => state.held.length > 0);
    expect(await control.struck(fault)).toBeGreaterThan(0);
    const lock = await stack.database.sql.reserve();
    await lock`begin`;
    await lock`select id from photos for update`;
    await control.clearFaults();
    // The file is there and its row cannot be written: the worker stands between the two.
    await until(
      "a renamed file",
      async () => (await listFiles(stack.dataDir, "generated")).length > 0,
    );
    const [waiting] = await stack.database
      .sql`select count(*)::int as rows from photos where retrieval_status = 'completed'`;
    expect(waiting?.rows).toBe(0);
    await worker.kill();
    await lock`rollback`;
    lock.release();
    await stack.startWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);
});
