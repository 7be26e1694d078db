import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { findAttempt, settleAttempt } from "#db/queries/steps/attempts";
import { claimPost, markAccepted } from "#db/queries/steps/sending-ledgers";
import { findStep } from "#db/queries/steps/steps";
import { findModel } from "#db/queries/models/models";
import type { Attempt } from "#db/schema/steps";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { type ActivityBench, createActivityBench, timeouts } from "#tests/support/activities";
import { graphRequest } from "#tests/support/graph-request";

const graceMs = 500;
const inDoubtMs = timeouts.connectionTimeoutMs + timeouts.readTimeoutMs + graceMs;

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(async () => {
  bench.clock.now = null;
  await bench.simulator.control.clearFaults();
});

afterAll(() => bench.close());

const enqueue = ({ batchId }: Attempt) => bench.run("enqueueBatch", { batchId, graceMs });

const cancel = ({ batchId }: Attempt) =>
  bench.run("cancelBatch", { batchId, graceMs, drainMs: 2_000 });

const sendingOf = ({ batchId }: Attempt) => ({ ledger: "attempts", batchId }) as const;

async function sentFor({ batchId }: Attempt) {
  const { enqueues } = await bench.simulator.control.state();
  return enqueues.filter((batch) => batch.batchId === batchId);
}

const requestsOf = async (route: "enqueueBatch" | "batchStatus") =>
  (await bench.simulator.control.state()).requests[route] ?? 0;

/** Another sender's POST of the same batch. */
async function sendElsewhere({ batchId }: Attempt): Promise<void> {
  const model = (await bench.invokeai.listModels()).find(({ base }) => base === "sd-1");
  if (!model) throw new Error("no model");
  const graph = buildGraph(graphRequest(model, { prompt: "the same batch" }));
  await bench.invokeai.enqueueBatch({ batchId, graph, slots: [{ index: 0, seed: 1 }] });
}

test("a batch is sent once, however often the activity runs", async () => {
  const attempt = await bench.createAttempt([10, 11]);
  await enqueue(attempt);
  await enqueue(attempt);
  expect((await sentFor(attempt)).map(({ seeds }) => seeds)).toEqual([[10, 11]]);
  expect((await findAttempt(bench.db, attempt.batchId))?.acceptedAt).not.toBeNull();
});

test("each image of an expanded step is sent with its own prompt, and its photo keeps it beside the template", async () => {
  const { stepId } = await bench.createStep([12, 13, 14], {
    prompt: "a {red|blue} boat",
    slotPrompts: ["a red boat", "a blue boat", 'a "red" __boat__ {é🚤}'],
  });
  const attempt = await bench.createAttemptOf(stepId);
  await enqueue(attempt);
  const { items } = await bench.invokeai.listBatchItems(attempt.batchId);
  expect(items.map(({ slotIndex, seed }) => [slotIndex, seed])).toEqual([
    [0, 12],
    [1, 13],
    [2, 14],
  ]);
  await bench.simulator.control.until(({ queue }) => queue.completed >= 3);
  while (!(await bench.run("watchBatch", { batchId: attempt.batchId })).ended);
  const made = await bench.sql`
    select generation from photos where step_id = ${stepId} order by slot_index`;
  expect(made.map(({ generation }) => [generation.seed, generation.prompt])).toEqual([
    [12, "a red boat"],
    [13, "a blue boat"],
    [14, 'a "red" __boat__ {é🚤}'],
  ]);
  for (const { generation } of made) expect(generation.promptTemplate).toBe("a {red|blue} boat");
  // What InvokeAI recorded is what was generated.
  const recorded = await Promise.all(
    (await bench.invokeai.findBatchImages(attempt.batchId)).map(
      async ({ imageName, seed }): Promise<[number | null, unknown]> => [
        seed,
        (await fetchMetadata(imageName))["positive_prompt"],
      ],
    ),
  );
  expect(recorded.toSorted(([a], [b]) => (a ?? 0) - (b ?? 0))).toEqual([
    [12, "a red boat"],
    [13, "a blue boat"],
    [14, 'a "red" __boat__ {é🚤}'],
  ]);
});

async function fetchMetadata(imageName: string): Promise<Record<string, unknown>> {
  const path = `/api/v1/images/i/${imageName}/metadata`;
  return (await fetch(new URL(path, bench.simulator.url))).json() as never;
}

test("two workers that send the same batch at once make one POST", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([20]);
  // Both have checked that the batch does not exist before either continues.
  await control.addFault({ kind: "answer_held", route: "batchStatus", times: 2 });
  const both = [enqueue(attempt), enqueue(attempt)];
  await control.until(({ held }) => held.length === 2);
  const before = await requestsOf("enqueueBatch");
  await control.release();
  await Promise.all(both);
  expect((await requestsOf("enqueueBatch")) - before).toBe(1);
  expect(await sentFor(attempt)).toHaveLength(1);
});

test("a batch that may have been sent is not sent again during the in-doubt period, and once after it", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([30]);
  const posted = new Date("2026-05-01T12:00:00Z");
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: posted });
  bench.clock.now = new Date(posted.getTime() + inDoubtMs - 1);
  const [posts, checks] = [await requestsOf("enqueueBatch"), await requestsOf("batchStatus")];
  const sending = enqueue(attempt);
  await control.until(({ requests }) => (requests.batchStatus ?? 0) >= checks + 3);
  expect(await requestsOf("enqueueBatch")).toBe(posts);
  bench.clock.now = new Date(posted.getTime() + inDoubtMs);
  await sending;
  expect(await requestsOf("enqueueBatch")).toBe(posts + 1);
  expect(await sentFor(attempt)).toHaveLength(1);
});

test("a batch that arrives during its in-doubt period is adopted", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([40]);
  const posted = new Date("2026-05-01T12:00:00Z");
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: posted });
  bench.clock.now = posted;
  const checks = await requestsOf("batchStatus");
  const sending = enqueue(attempt);
  await control.until(({ requests }) => (requests.batchStatus ?? 0) > checks);
  await sendElsewhere(attempt);
  await sending;
  expect(await sentFor(attempt)).toHaveLength(1);
  expect((await findAttempt(bench.db, attempt.batchId))?.acceptedAt).toEqual(posted);
});

test("a batch that was found on the server is not sent again, not even by a sender that read it as unsent before", async () => {
  const attempt = await bench.createAttempt([45]);
  const now = new Date("2026-05-01T12:00:00Z");
  await markAccepted(bench.db, { ...sendingOf(attempt), now });
  expect(await claimPost(bench.db, { ...sendingOf(attempt), found: null, now })).toBe(false);
});

test("a batch cancelled before it was sent can never be sent afterwards", async () => {
  const attempt = await bench.createAttempt([50]);
  expect(await cancel(attempt)).toEqual({ wasSent: false });
  expect(await cancel(attempt)).toEqual({ wasSent: false });
  expect(await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: new Date() })).toBe(
    false,
  );
  await enqueue(attempt);
  expect(await sentFor(attempt)).toEqual([]);
  expect((await findAttempt(bench.db, attempt.batchId))?.outcome).toBe("cancelled");
});

test("a batch in doubt that never arrives is cancelled at the end of its in-doubt period", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([60]);
  const posted = new Date("2026-05-01T12:00:00Z");
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: posted });
  bench.clock.now = posted;
  const checks = await requestsOf("batchStatus");
  let isOver = false;
  const cancelling = cancel(attempt).finally(() => (isOver = true));
  await control.until(({ requests }) => (requests.batchStatus ?? 0) >= checks + 2);
  expect(isOver).toBe(false);
  bench.clock.now = new Date(posted.getTime() + inDoubtMs);
  expect(await cancelling).toEqual({ wasSent: false });
});

test("a batch that arrives right after the check for it is cancelled", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([60]);
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: new Date() });
  await control.addFault({ kind: "processor_paused" });
  await control.addFault({ kind: "answer_held", route: "batchStatus", times: 1 });
  const cancelling = cancel(attempt);
  await control.until(({ held }) => held.length === 1);
  await sendElsewhere(attempt);
  await control.release();
  expect(await cancelling).toEqual({ wasSent: true });
  expect((await control.state()).queue.pending).toBe(0);
});

test("a settled attempt is neither sent nor cancelled", async () => {
  const attempt = await bench.createAttempt([70]);
  await settleAttempt(bench.db, { ...attempt, outcome: "interrupted", now: new Date() });
  await enqueue(attempt);
  expect(await cancel(attempt)).toEqual({ wasSent: false });
  expect(await sentFor(attempt)).toEqual([]);
});

test("when the queue is full the claim to send is released, and the step says why it waits", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([80]);
  await control.addFault({ kind: "queue_full", maxQueueSize: 0 });
  const failure = await enqueue(attempt).catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: "invokeai_busy", nonRetryable: false });
  expect((await findAttempt(bench.db, attempt.batchId))?.postedAt).toBeNull();
  expect((await findStep(bench.db, attempt.stepId))?.progressMessage).toContain("queue is full");
  await control.clearFaults();
  await enqueue(attempt);
  expect((await sentFor(attempt)).filter(({ enqueued }) => enqueued > 0)).toHaveLength(1);
});

test("a missing model fails the step with an error that says what to do", async () => {
  const attempt = await bench.createAttempt([90]);
  await bench.sql`update steps set parameters = jsonb_set(parameters, '{modelKey}', '"gone"'), model_hash = 'gone'
    where id = ${attempt.stepId}`;
  const failure = await enqueue(attempt).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    nonRetryable: true,
    details: [{ code: "invokeai_model_error", suggestion: expect.stringContaining("Refresh") }],
  });
  expect((await findAttempt(bench.db, attempt.batchId))?.outcome).toBe("refused");
  expect(await sentFor(attempt)).toEqual([]);
});

test("a model reinstalled under another key after the request is found by its hash", async () => {
  const attempt = await bench.createAttempt([91]);
  const requested = (await findStep(bench.db, attempt.stepId))!.modelKey;
  const key = await bench.simulator.control.rekeyModel(requested);
  await enqueue(attempt);
  const { generated } = await bench.simulator.control.until((state) =>
    state.generated.some(({ batchId }) => batchId === attempt.batchId),
  );
  expect(generated.filter(({ batchId }) => batchId === attempt.batchId)).toHaveLength(1);
  expect(await findModel(bench.db, requested)).toMatchObject({ isAvailable: false });
  expect(await findModel(bench.db, key)).toMatchObject({ isAvailable: true });
});
