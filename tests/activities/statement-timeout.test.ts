import { afterAll, beforeAll, expect, test } from "bun:test";
import { ApplicationFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { eq } from "drizzle-orm";
import { createEndOverdue } from "#activities/worker/overdue-interceptor";
import { steps } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";

let bench: ActivityBench;
beforeAll(async () => {
  bench = await createActivityBench({}, undefined, { statementTimeoutMs: 300 });
});
afterAll(() => bench.close());

const caught = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test("a statement that waits for a lock fails after its time-out with a retryable error, and succeeds when the lock is released", async () => {
  const { stepId } = await bench.createStep([1]);
  const end = () => bench.run("failBrokenStep", { stepId });
  const released = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const holding = bench.db.transaction(async (tx) => {
    await tx.select().from(steps).where(eq(steps.id, stepId)).for("update");
    locked.resolve();
    await released.promise;
  });
  await locked.promise;
  const failure = await caught(end());
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect(failure).toMatchObject({ type: "database_timeout", nonRetryable: false });
  expect(String(failure)).not.toContain("update");
  released.resolve();
  await holding;
  await end();
  const [step] = await bench.db.select().from(steps).where(eq(steps.id, stepId));
  expect(step?.status).toBe("failed");
});

test("any number of expired rows is deleted, in slices, and no others", async () => {
  const old = new Date(Date.now() - 8 * 24 * 60 * 60 * 1_000);
  await bench.sql`
    insert into events (type, data, created_at)
    select 'photo.created', '{}'::jsonb, ${old.toISOString()}
    from generate_series(1, 12001)`;
  await bench.sql`insert into events (type, data) values ('photo.created', '{}'::jsonb)`;
  const [before] = await bench.sql`select count(*)::int as amount from events`;
  const dropped = await bench.run("dropExpired", {});
  const [after] = await bench.sql`select count(*)::int as amount from events`;
  expect(dropped.events).toBe(12_001);
  expect(before?.["amount"] - after?.["amount"]).toBe(12_001);
});

test("an activity that outlives its start-to-close time-out fails with a retryable error", async () => {
  const interceptors = [createEndOverdue(0)];
  const environment = new MockActivityEnvironment(
    { startToCloseTimeoutMs: 50 },
    { logger: new DefaultLogger("ERROR"), interceptors },
  );
  const failure = await environment
    .run(() => new Promise(() => {}))
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: "activity_overdue", nonRetryable: false });
});
