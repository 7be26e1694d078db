import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { startStep, findStep } from "#db/queries/steps/steps";
import { type Attempt, stepProgress } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { until } from "#tests/support/wait";

let bench: ActivityBench;
beforeAll(async () => {
  bench = await createActivityBench();
  // A trigger records each change, so none is missed on a slow machine.
  await bench.sql`create table written (step_id uuid, progress real, at_ms float8, nth serial)`;
  await bench.sql`
    create function note_written() returns trigger language plpgsql as $$ begin
      insert into written values (new.step_id, new.progress, extract(epoch from new.updated_at) * 1000);
      return null;
    end $$`;
  await bench.sql`
    create trigger noted after insert or update on step_progress
    for each row execute function note_written()`;
}, 60_000);
afterEach(async () => {
  const { control } = bench.simulator;
  await control.clearFaults();
  await control.setStepDelay(0);
  await control.until(({ queue }) => queue.pending + queue.inProgress === 0);
});
afterAll(() => bench.close());

/** Enqueues a batch and watches it to its end. */
async function startBatch(seeds: number[]) {
  const attempt = await bench.createAttempt(seeds);
  const step = (await findStep(bench.db, attempt.stepId))!;
  await startStep(bench.db, { step, now: new Date() });
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  return { attempt, watched: watchToEnd(attempt) };
}

async function watchToEnd({ batchId }: Attempt): Promise<void> {
  while (!(await bench.run("watchBatch", { batchId })).ended);
}

async function progressOf({ stepId }: Attempt) {
  const [row] = await bench.db.select().from(stepProgress).where(eq(stepProgress.stepId, stepId));
  return row;
}

/** Each written change of a step's progress, in order; times are from the writer's clock. */
const changesOf = ({ stepId }: Attempt) => bench.sql<{ progress: number; atMs: number }[]>`
  select progress, at_ms as "atMs" from written where step_id = ${stepId} order by nth`;

test("without events from the socket, polling the queue counts the finished images", async () => {
  const { control } = bench.simulator;
  await control.addFault({ kind: "socket_silent" });
  await control.holdStep({ item: 1, step: 1 });
  const { attempt, watched } = await startBatch([1, 2]);
  const row = await until("half of the progress", async () => {
    const seen = await progressOf(attempt);
    return seen?.progress === 0.5 && seen;
  });
  expect(row).toMatchObject({ message: "Image 2 of 2.", imageProgress: null, preview: null });
  await control.until(({ frozen }) => frozen !== null);
  await control.release();
  await watched;
  expect(await progressOf(attempt)).toMatchObject({ progress: 1 });
});

test("a lost socket reconnects, and the progress is correct again", async () => {
  const { control } = bench.simulator;
  // That of an earlier batch stays open for a while.
  await control.until(({ sockets }) => sockets === 0);
  await control.holdStep({ item: 0, step: 1 });
  await control.holdStep({ item: 1, step: 1 });
  const { attempt, watched } = await startBatch([3, 4]);
  await control.until(({ frozen, subscribers }) => frozen !== null && subscribers > 0);
  // The sixth attempt comes after 9 s or more: until then several polls see what the socket does not tell.
  const fault = await control.addFault({ kind: "unreachable", route: "socket", times: 5 });
  await control.dropSockets();
  // While the socket is away the first image is finished and the second one begun.
  await control.release();
  await until("half of the progress", async () => (await progressOf(attempt))?.progress === 0.5);
  await until("five failed attempts to reconnect", async () => (await control.struck(fault)) === 5);
  await control.until(({ frozen, subscribers }) => frozen !== null && subscribers > 0);
  await control.setStepDelay(300);
  await control.holdStep({ item: 1, step: "decoding" });
  await control.release();
  await until(
    "an event from the socket",
    async () => (await progressOf(attempt))?.preview !== null,
  );
  await control.until(({ frozen }) => frozen !== null);
  await control.release();
  await watched;
  expect(await progressOf(attempt)).toMatchObject({ progress: 1 });
}, 60_000);

test("events that arrive late, twice, in another order or after the end never reduce the progress", async () => {
  const { control } = bench.simulator;
  await control.addFault({ kind: "socket_late", delaysMs: [0, 250, 30, 700, 0, 120] });
  await control.setStepDelay(60);
  const { attempt, watched } = await startBatch([5, 6, 7]);
  await watched;
  // The last event comes 700 ms after the end, and the socket stays open for 2 s.
  await control.until(({ sockets }) => sockets === 0);
  const progress = (await changesOf(attempt)).map((change) => change.progress);
  expect(progress.length).toBeGreaterThan(3);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(await progressOf(attempt)).toMatchObject({ progress: 1, imageProgress: null });
}, 60_000);

test("changes are written at least 200 ms apart, across all images of a batch", async () => {
  const { control } = bench.simulator;
  await control.setStepDelay(40);
  const { attempt, watched } = await startBatch([8, 9, 10, 11]);
  await watched;
  const at = (await changesOf(attempt)).map(({ atMs }) => atMs);
  const gaps = at.slice(1).map((moment, index) => moment - at[index]!);
  expect(gaps.length).toBeGreaterThan(1);
  // Times are rounded to milliseconds.
  expect(gaps.filter((gap) => gap < 198)).toEqual([]);
}, 60_000);

test("the progress of a step is deleted at its end; a late writer does not bring it back", async () => {
  const { control } = bench.simulator;
  await control.holdStep({ item: 1, step: 1 });
  const { attempt, watched } = await startBatch([12, 13]);
  await until(
    "half of the progress",
    async () => ((await progressOf(attempt))?.progress ?? 0) >= 0.5,
  );
  await control.until(({ frozen }) => frozen !== null);
  const { stepId } = attempt;
  await bench.run("endStep", { stepId, ending: { status: "cancelled" } });
  await control.release();
  await watched;
  expect(await progressOf(attempt)).toBeUndefined();
});
