import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { startStep, findStep } from "#db/queries/steps";
import { type Attempt, stepProgress } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { until } from "#tests/support/wait";

let bench: ActivityBench;
beforeAll(async () => {
  bench = await createActivityBench();
  // Postgres itself notes each change: nothing is missed, however slow the machine is.
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

/** A batch that InvokeAI has, and the watching of it to its end. */
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

async function shown({ stepId }: Attempt) {
  const [row] = await bench.db.select().from(stepProgress).where(eq(stepProgress.stepId, stepId));
  return row;
}

/** Each change of what is shown of a batch, in the order of writing; moments are of the writer's clock. */
const changesOf = ({ stepId }: Attempt) => bench.sql<{ progress: number; atMs: number }[]>`
  select progress, at_ms as "atMs" from written where step_id = ${stepId} order by nth`;

test("where the socket is silent the looks at the queue tell how many images there are", async () => {
  const { control } = bench.simulator;
  await control.addFault({ kind: "socket_silent" });
  await control.holdStep({ item: 1, step: 1 });
  const { attempt, watched } = await startBatch([1, 2]);
  const row = await until("half of it", async () => {
    const seen = await shown(attempt);
    return seen?.progress === 0.5 && seen;
  });
  expect(row).toMatchObject({ message: "Image 2 of 2.", imageProgress: null, preview: null });
  await control.until(({ frozen }) => frozen !== null);
  await control.release();
  await watched;
  expect(await shown(attempt)).toMatchObject({ progress: 1 });
});

test("a lost socket comes back, and what is shown is right again", async () => {
  const { control } = bench.simulator;
  await control.holdStep({ item: 0, step: 1 });
  await control.holdStep({ item: 1, step: 1 });
  const { attempt, watched } = await startBatch([3, 4]);
  await control.until(({ frozen, sockets }) => frozen !== null && sockets > 0);
  const fault = await control.addFault({ kind: "unreachable", route: "socket", times: 2 });
  await control.dropSockets();
  // Without a socket: the first image is made, and the second begun.
  await control.release();
  await until("half of it", async () => (await shown(attempt))?.progress === 0.5);
  await until("the socket's return", async () => (await control.struck(fault)) === 2);
  await control.until(({ frozen, sockets }) => frozen !== null && sockets > 0);
  await control.setStepDelay(300);
  await control.release();
  await until("a word from the socket", async () => (await shown(attempt))?.preview !== null);
  await watched;
  expect(await shown(attempt)).toMatchObject({ progress: 1 });
}, 20_000);

test("words that come late, doubled, in another order or after the end take nothing back", async () => {
  const { control } = bench.simulator;
  await control.addFault({ kind: "socket_late", delaysMs: [0, 250, 30, 700, 0, 120] });
  await control.setStepDelay(60);
  const { attempt, watched } = await startBatch([5, 6, 7]);
  await watched;
  // The last word comes 700 ms after the end, and the socket stays for 2 s.
  await control.until(({ sockets }) => sockets === 0);
  const progress = (await changesOf(attempt)).map((change) => change.progress);
  expect(progress.length).toBeGreaterThan(3);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(await shown(attempt)).toMatchObject({ progress: 1, imageProgress: null });
}, 20_000);

test("changes are written at once, then not sooner than 200 ms after each other, over all images of a batch", async () => {
  const { control } = bench.simulator;
  await control.setStepDelay(40);
  const { attempt, watched } = await startBatch([8, 9, 10, 11]);
  await watched;
  const at = (await changesOf(attempt)).map(({ atMs }) => atMs);
  const gaps = at.slice(1).map((moment, index) => moment - at[index]!);
  expect(gaps.length).toBeGreaterThan(1);
  // Moments are whole milliseconds.
  expect(gaps.filter((gap) => gap < 198)).toEqual([]);
}, 20_000);

test("what is shown of a batch ends with its step: a late writer changes nothing", async () => {
  const { control } = bench.simulator;
  await control.holdStep({ item: 1, step: 1 });
  const { attempt, watched } = await startBatch([12, 13]);
  await until("half of it", async () => ((await shown(attempt))?.progress ?? 0) >= 0.5);
  await control.until(({ frozen }) => frozen !== null);
  const { stepId } = attempt;
  await bench.run("endStep", { stepId, ending: { status: "cancelled" } });
  await control.release();
  await watched;
  expect(await shown(attempt)).toBeUndefined();
});
