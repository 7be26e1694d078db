import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { listFiles, listUnfinished } from "#tests/support/library";
import { startGallery } from "#tests/support/running-gallery";
import { askedSeeds, madeSeeds } from "#tests/support/seeds";
import { until } from "#tests/support/wait";

const started = await startGallery();
const { stack, gallery } = started;
let { worker } = started;

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

/** Each step has new seeds: InvokeAI returns known images from its cache, without steps to hold. */
const seeds: number[] = [];

async function requestStep(): Promise<string> {
  const seed = 100 + seeds.length;
  seeds.push(seed, seed + 1, seed + 2, seed + 3);
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { parameters: { seed } })).id;
}

const photosBefore = () => seeds.length - 4;

async function startNextWorker(): Promise<void> {
  worker = await stack.startWorker();
}

/** The result after every kill: one image per slot here and in InvokeAI, no batch sent twice, no extra file. */
async function expectEachImageOnce(stepId: string): Promise<void> {
  const step = await gallery.stepIs(stepId, ["completed", "failed", "cancelled"]);
  expect(step.status).toBe("completed");
  await gallery.allRetrieved(stepId, 4);
  const simulator = await stack.invokeai.control.state();
  expect(askedSeeds(simulator)).toEqual(seeds);
  expect(madeSeeds(simulator)).toEqual(seeds);
  expect(await gallery.photosOf(stepId)).toHaveLength(4);
  expect(await listFiles(stack.dataDir, "generated")).toHaveLength(seeds.length);
  // Removed by the worker that completes the photo, shortly after its row.
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
    const { enqueues } = await control.state();
    expect(enqueues.filter(({ batchId }) => batchId.startsWith(stepId))).toEqual([]);
    await control.release();
    await startNextWorker();
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
    await startNextWorker();
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
    await startNextWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);

  test("worker killed during a download: a new worker finishes, each image once", async () => {
    const { control } = stack.invokeai;
    const { downloads } = await control.state();
    const fault = await control.addFault({ kind: "stalled_body", route: "imageFull" });
    const stepId = await requestStep();
    await control.until(
      (state) => state.held.length > 0 || state.downloads.length > downloads.length,
    );
    await until(
      "a file that is being written",
      async () => (await listUnfinished(stack.dataDir)).length > 0,
    );
    await worker.kill();
    expect(await control.struck(fault)).toBeGreaterThan(0);
    await control.clearFaults();
    await startNextWorker();
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
    // The file is renamed and its row cannot be written: the worker is between the two.
    await until(
      "a renamed file",
      async () => (await listFiles(stack.dataDir, "generated")).length > photosBefore(),
    );
    const [waiting] = await stack.database
      .sql`select count(*)::int as rows from photos where retrieval_status = 'completed'`;
    expect(waiting?.rows).toBe(photosBefore());
    await worker.kill();
    await lock`rollback`;
    lock.release();
    await startNextWorker();
    await expectEachImageOnce(stepId);
  }, 90_000);
});
