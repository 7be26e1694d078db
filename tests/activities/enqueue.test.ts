import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { findAttempt, settleAttempt } from "#db/queries/attempts";
import { claimPost, markAccepted } from "#db/queries/sending-ledgers";
import { findStep } from "#db/queries/steps";
import { models } from "#db/schema/models";
import type { Attempt } from "#db/schema/steps";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { type ActivityBench, createActivityBench, timeouts } from "#tests/support/activities";
import { graphRequest } from "#tests/support/graph-request";

const graceMs = 500;
const doubtMs = timeouts.connectionTimeoutMs + timeouts.readTimeoutMs + graceMs;

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 30_000);

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

/** Somebody's POST of the batch, whoever he was. */
async function sendAsSomebodyElse({ batchId }: Attempt): Promise<void> {
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

test("two workers that send the same batch at once make one POST", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([20]);
  // Both have looked for it and found nothing before either may go on.
  await control.addFault({ kind: "answer_held", route: "batchStatus", times: 2 });
  const both = [enqueue(attempt), enqueue(attempt)];
  await control.until(({ held }) => held.length === 2);
  const before = await requestsOf("enqueueBatch");
  await control.release();
  await Promise.all(both);
  expect((await requestsOf("enqueueBatch")) - before).toBe(1);
  expect(await sentFor(attempt)).toHaveLength(1);
});

test("a batch that somebody may have sent is never sent again before the doubt ends, and once after it", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([30]);
  const posted = new Date("2026-05-01T12:00:00Z");
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: posted });
  bench.clock.now = new Date(posted.getTime() + doubtMs - 1);
  const [posts, looks] = [await requestsOf("enqueueBatch"), await requestsOf("batchStatus")];
  const sending = enqueue(attempt);
  await control.until(({ requests }) => (requests.batchStatus ?? 0) >= looks + 3);
  expect(await requestsOf("enqueueBatch")).toBe(posts);
  bench.clock.now = new Date(posted.getTime() + doubtMs);
  await sending;
  expect(await requestsOf("enqueueBatch")).toBe(posts + 1);
  expect(await sentFor(attempt)).toHaveLength(1);
});

test("a batch that arrives while it is in doubt is adopted", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([40]);
  const posted = new Date("2026-05-01T12:00:00Z");
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: posted });
  bench.clock.now = posted;
  const looks = await requestsOf("batchStatus");
  const sending = enqueue(attempt);
  await control.until(({ requests }) => (requests.batchStatus ?? 0) > looks);
  await sendAsSomebodyElse(attempt);
  await sending;
  expect(await sentFor(attempt)).toHaveLength(1);
  expect((await findAttempt(bench.db, attempt.batchId))?.acceptedAt).toEqual(posted);
});

test("a batch that was seen on the server is sent by nobody, also not by who found it unsent before", async () => {
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

test("a batch in doubt that never arrives is cancelled when it no longer can", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([60]);
  const posted = new Date("2026-05-01T12:00:00Z");
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: posted });
  bench.clock.now = posted;
  const looks = await requestsOf("batchStatus");
  let isOver = false;
  const cancelling = cancel(attempt).finally(() => (isOver = true));
  await control.until(({ requests }) => (requests.batchStatus ?? 0) >= looks + 2);
  expect(isOver).toBe(false);
  bench.clock.now = new Date(posted.getTime() + doubtMs);
  expect(await cancelling).toEqual({ wasSent: false });
});

test("a batch that arrives right behind a look for it is cancelled all the same", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([60]);
  await claimPost(bench.db, { ...sendingOf(attempt), found: null, now: new Date() });
  await control.addFault({ kind: "processor_paused" });
  await control.addFault({ kind: "answer_held", route: "batchStatus", times: 1 });
  const cancelling = cancel(attempt);
  await control.until(({ held }) => held.length === 1);
  await sendAsSomebodyElse(attempt);
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

test("a full queue takes nothing: the right to send is given back, and the step says why it waits", async () => {
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

test("a model that is gone ends the step with what to do about it", async () => {
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

test("a model installed anew since the step was asked for is found by its weights", async () => {
  const attempt = await bench.createAttempt([91]);
  const asked = (await findStep(bench.db, attempt.stepId))!.modelKey;
  const key = await bench.simulator.control.rekeyModel(asked);
  await enqueue(attempt);
  const { generated } = await bench.simulator.control.until((state) =>
    state.generated.some(({ batchId }) => batchId === attempt.batchId),
  );
  expect(generated.filter(({ batchId }) => batchId === attempt.batchId)).toHaveLength(1);
  const rows = await bench.db.select().from(models);
  const isAvailable = (wanted: string) => rows.find((row) => row.key === wanted)?.isAvailable;
  expect([isAvailable(asked), isAvailable(key)]).toEqual([false, true]);
});
