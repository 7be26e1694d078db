import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { findBackend } from "#db/queries/backends/backends";
import { findWaits } from "#db/queries/line/line";
import { findStep, startStep } from "#db/queries/steps/steps";
import { stepProgress, type Attempt } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { until } from "#tests/support/wait";

let bench: ActivityBench;
beforeAll(async () => (bench = await createActivityBench()), 60_000);
afterEach(async () => {
  const { control } = bench.simulator;
  await control.clearFaults();
  await control.until(({ queue }) => queue.pending + queue.inProgress === 0);
});
afterAll(() => bench.close());

// New seeds: the simulator returns known images from its cache, without steps to hold.
let nextSeed = 1;

/** Enqueues items that count as another client's. */
async function queueOthers(amount: number): Promise<void> {
  const { stepId } = await bench.createStep(Array.from({ length: amount }, () => nextSeed++));
  const attempt = await bench.createAttemptOf(stepId);
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  await bench.sql`update attempts set settled_at = now(), outcome = 'cancelled' where step_id = ${stepId}`;
}

async function begin(images: number): Promise<Attempt> {
  const attempt = await bench.createAttempt(Array.from({ length: images }, () => nextSeed++));
  const step = (await findStep(bench.db, attempt.stepId))!;
  await startStep(bench.db, { step, now: new Date() });
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  return attempt;
}

async function watchToEnd({ batchId }: Attempt): Promise<void> {
  while (!(await bench.run("watchBatch", { batchId })).ended);
}

const says = (attempt: Attempt, words: string | null) =>
  until(`the step to say ${words}`, async () => {
    const step = await findStep(bench.db, attempt.stepId);
    return step?.progressMessage === words && step;
  });

async function estimateOf({ stepId }: Attempt): Promise<Date | null | undefined> {
  const [row] = await bench.db.select().from(stepProgress).where(eq(stepProgress.stepId, stepId));
  return row?.estimatedCompletion;
}

test("a step says how many items of other clients are ahead of it; later ones do not count", async () => {
  const { control } = bench.simulator;
  await control.holdStep();
  await queueOthers(3);
  await control.until(({ frozen }) => frozen !== null);
  const attempt = await begin(1);
  const watched = watchToEnd(attempt);
  await says(attempt, "3 items of other clients are ahead of it.");
  await queueOthers(2);
  await control.holdStep({ item: 1 });
  await control.release();
  await says(attempt, "2 items of other clients are ahead of it.");
  await until("no estimate", async () => (await estimateOf(attempt)) === null);
  await control.release();
  await watched;
  await says(attempt, null);
}, 60_000);

test("while InvokeAI is paused, the running step says so, and neither it nor the waiting steps have an estimate", async () => {
  const { control } = bench.simulator;
  await control.addFault({ kind: "processor_paused" });
  const attempt = await begin(2);
  const watched = watchToEnd(attempt);
  await says(attempt, "InvokeAI is paused; resume its queue there.");
  await until("no estimate", async () => (await estimateOf(attempt)) === null);
  await until(
    "a status that says so",
    async () => (await findBackend(bench.db, "local"))?.queuePaused,
  );
  const { stepId } = await bench.createStep([4]);
  await bench.sql`insert into turns (step_id, asked_at) values (${stepId}, now())`;
  expect((await findWaits(bench.db)).get(stepId)).toMatchObject({
    position: 1,
    waitReason: "InvokeAI is paused; resume its queue there.",
    expected: null,
  });
  await control.clearFaults();
  await watched;
  await says(attempt, null);
  expect(await findBackend(bench.db, "local")).toMatchObject({
    queuePaused: false,
    queueOthers: 0,
  });
}, 60_000);

test("a watch updates the backend's status when InvokeAI is away and when it is back; meanwhile there is no estimate", async () => {
  const { control } = bench.simulator;
  await control.holdStep({ item: 1, step: 1 });
  const attempt = await begin(2);
  const watched = watchToEnd(attempt);
  await control.until(({ frozen }) => frozen !== null);
  await until("an estimate", async () => (await estimateOf(attempt)) instanceof Date);
  await control.addFault({ kind: "unreachable", route: "any" });
  await until(
    "a status that says so",
    async () => {
      const backend = await findBackend(bench.db, "local");
      return backend?.connected === false;
    },
    3_000,
  );
  await until("no estimate", async () => (await estimateOf(attempt)) === null);
  await control.clearFaults();
  await until(
    "a status that it is back",
    async () => (await findBackend(bench.db, "local"))?.connected,
    3_000,
  );
  await watched;
}, 60_000);

test.each(["status_200_html", "not_found", "wrong_content_type"] as const)(
  "another program at InvokeAI's address (%s) is reported by status and step, and the step completes afterwards",
  async (kind) => {
    const { control } = bench.simulator;
    await control.holdStep();
    const attempt = await begin(1);
    await control.until(({ frozen }) => frozen !== null);
    await control.addFault({ kind, route: "any" });
    const watched = watchToEnd(attempt);
    const words = "Another program answers at InvokeAI's address; check INVOKEAI_LOCAL_URL.";
    await until("the message", async () => {
      const step = await findStep(bench.db, attempt.stepId);
      return step?.progressMessage?.startsWith(words);
    });
    expect(await findBackend(bench.db, "local")).toMatchObject({
      connected: false,
      lastError: words,
    });
    await control.clearFaults();
    await watched;
    await says(attempt, null);
  },
  60_000,
);

test("an enqueue that meets another program at InvokeAI's address is retried, not failed", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([8]);
  await control.addFault({ kind: "not_found", route: "any" });
  const send = () => bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  const failure = await send().catch((error: unknown) => error);
  expect(failure).toMatchObject({ nonRetryable: false });
  const step = await findStep(bench.db, attempt.stepId);
  expect(step?.progressMessage).toStartWith("Another program answers");
}, 60_000);
