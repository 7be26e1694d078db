import { afterAll, beforeAll, expect, test } from "bun:test";
import { lockSession } from "#db/queries/generation/session-requests";
import { reopenStep } from "#db/queries/generation/step-retries";
import { findStep, startStep } from "#db/queries/steps/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { until } from "#tests/support/wait";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterAll(() => bench.close());

const error = { code: "invokeai_generation_error", message: "No.", suggestion: "Again." };

async function countEvents(stepId: string, type: string): Promise<number> {
  const [row] = await bench.sql`select count(*)::int as events from events
    where type = ${type} and data->>'step_id' = ${stepId}`;
  return row?.events;
}

async function startedStep(): Promise<string> {
  const { stepId } = await bench.createStep([1]);
  const step = await findStep(bench.db, stepId);
  if (step) await startStep(bench.db, { step, now: new Date() });
  return stepId;
}

test("an end recorded twice counts once, with one event", async () => {
  const stepId = await startedStep();
  const input = { stepId, ending: { status: "completed" }, from: "processing" } as const;
  for (const _ of [1, 2]) await bench.run("endStep", input);
  expect((await findStep(bench.db, stepId))?.status).toBe("completed");
  expect(await countEvents(stepId, "step.completed")).toBe(1);
});

test("an end recorded again does not change a step that was reset to pending since", async () => {
  const stepId = await startedStep();
  const input = { stepId, ending: { status: "failed", error }, from: "processing" } as const;
  await bench.run("endStep", input);
  await bench.db.transaction((tx) => reopenStep(tx, stepId));
  await bench.run("endStep", input);
  expect((await findStep(bench.db, stepId))?.status).toBe("pending");
  expect(await countEvents(stepId, "step.failed")).toBe(1);
});

test("repeated and concurrent calls open one attempt", async () => {
  const { stepId } = await bench.createStep([1, 2]);
  const open = () => bench.openNext(stepId);
  // Opens the connections first, so that the calls really run concurrently.
  await Promise.all(Array.from({ length: 8 }, () => bench.sql`select pg_sleep(0.1)`));
  const atOnce = await Promise.all(Array.from({ length: 8 }, open));
  const all = [...atOnce, await open()];
  expect(new Set(all.map((attempt) => attempt?.batchId))).toEqual(new Set([`${stepId}-1`]));
});

test("a run's summary is at most 60 characters of the prompt, on one line and with whole characters", async () => {
  const prompt = `a street\n\tat  night ${"x".repeat(40)}🌃🌃`;
  const { sessionId } = await bench.createStep([1], { prompt });
  const next = await bench.run("nextStep", { sessionId });
  expect(next).toMatchObject({ state: "run", summary: `a street at night ${"x".repeat(40)}🌃` });

  const odd = await bench.createStep([1], { prompt: `${"x".repeat(59)}🌃` });
  const cut = await bench.run("nextStep", { sessionId: odd.sessionId });
  expect(cut).toMatchObject({ summary: "x".repeat(59) });
});

test("a session is not closed as idle while a step is being requested", async () => {
  const { sessionId, stepId } = await bench.createStep([1]);
  const end = (status: string) => bench.sql`
    update steps set status = ${status}, completed_at = ${status === "pending" ? null : bench.sql`now()`}
    where id = ${stepId}`;
  const statusOf = async () =>
    (await bench.sql`select status from sessions where id = ${sessionId}`)[0]?.["status"];
  await end("completed");
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const requesting = bench.db.transaction(async (tx) => {
    await lockSession(tx, sessionId);
    held.resolve();
    await release.promise;
    await tx.execute(
      `update steps set status = 'pending', completed_at = null where id = '${stepId}'`,
    );
  });
  await held.promise;
  const closing = bench.run("closeIdleSession", { sessionId });
  await until("the close to wait for the row's lock", async () => {
    const waiting = await bench.sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return waiting.length > 0;
  });
  release.resolve();
  await Promise.all([requesting, closing]);
  expect(await statusOf()).toBe("active");
  await end("completed");
  await bench.run("closeIdleSession", { sessionId });
  expect(await statusOf()).toBe("completed");
});
