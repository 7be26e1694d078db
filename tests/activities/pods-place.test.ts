import { afterAll, beforeAll, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { getPlaceInForce, putInForce } from "#db/queries/backends/in-force";
import { saveSettings } from "#db/queries/installation/settings";
import { createPodBench, type PodBench } from "#tests/support/pod-bench";
import { until } from "#tests/support/wait";

let bench: PodBench;
beforeAll(async () => {
  bench = await createPodBench();
});
afterAll(() => bench.close());

test("a mode that the owner switches while a worker looks for the place in force stays in force", async () => {
  const { db } = bench;
  await bench.set({ "backend.mode": "local" });
  await bench.tend();
  let tending: Promise<unknown> = Promise.resolve();
  await db.transaction(async (tx) => {
    // The worker has read the old mode by the time it waits for this lock.
    await tx.execute(sql`lock table backends in access exclusive mode`);
    tending = bench.tend();
    await until("the worker's read", async () => {
      const waiting = await tx.execute(
        sql`select from pg_locks where relation = 'backends'::regclass and not granted`,
      );
      return waiting.length > 0;
    });
    await saveSettings(tx, { change: { "backend.mode": "remote" }, now: bench.now() });
    await putInForce(tx, "remote");
  });
  await tending;
  expect((await getPlaceInForce(db)).ref).toBe("remote");
}, 30_000);
