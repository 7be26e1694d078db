import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createConcurrencyLimit } from "#activities/retrieval/concurrency-limit";
import { createPlaces, findNoPod } from "#activities/backend/places";
import { loadConfig } from "#config";
import { saveSettings } from "#db/queries/installation/settings";
import { settings } from "#db/schema/settings";
import type { SettingValues } from "#db/settings";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { until } from "#tests/support/wait";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(async () => {
  await bench.simulator.control.clearFaults();
  await bench.db.delete(settings);
});

afterAll(() => bench.close());

const set = (change: Partial<SettingValues>) => saveSettings(bench.db, { change, now: new Date() });

describe("a changed setting", () => {
  test("applies to the next attempt to fetch an image", async () => {
    const attempt = await bench.createAttempt([500]);
    await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
    await bench.simulator.control.until(({ queue }) => queue.pending + queue.inProgress === 0);
    const [photoId = ""] = (await bench.run("watchBatch", attempt)).photoIds;
    await bench.simulator.control.addFault({ kind: "status_500_json", route: "imageFull" });
    const first = await bench.run("retrieveImage", { photoId });
    expect(first).toMatchObject({ state: "waiting", attempts: 1 });
    expect(first).not.toHaveProperty("delayMs");
    await set({ "retrieval.retry_delay_seconds": 90 });
    expect(await bench.run("retrieveImage", { photoId })).toMatchObject({
      state: "waiting",
      attempts: 2,
      delayMs: 90_000,
    });
    await set({ "retrieval.max_attempts": 3 });
    expect(await bench.run("retrieveImage", { photoId })).toMatchObject({ state: "given up" });
  }, 60_000);

  test("directs the next call to InvokeAI's new address", async () => {
    const config = loadConfig({
      DATABASE_URL: "postgres://nobody@127.0.0.1/none",
      INVOKEAI_LOCAL_URL: "http://127.0.0.1:9",
    });
    const database = { db: bench.db, sql: bench.sql, close: async () => {} };
    const { invokeai } = createPlaces(config, database, findNoPod);
    const before = await invokeai("local");
    await set({ "backend.local_url": bench.simulator.url });
    const after = await invokeai("local");
    expect(after).not.toBe(before);
    expect(await after.getVersion()).toMatch(/^\d+\./);
  });
});

describe("the gate", () => {
  const running: string[] = [];
  const open = (
    gate: ReturnType<typeof createConcurrencyLimit>,
    name: string,
    signal?: AbortSignal,
  ) => {
    const done = Promise.withResolvers<void>();
    const passed = gate(signal ?? new AbortController().signal, async () => {
      running.push(name);
      await done.promise;
      running.splice(running.indexOf(name), 1);
    });
    return { passed, done: done.resolve };
  };

  test("admits as many as the current limit, in order of arrival", async () => {
    let limit = 1;
    const gate = createConcurrencyLimit(async () => limit);
    const [a, b, c] = ["a", "b", "c"].map((name) => open(gate, name));
    await until("a", () => running.join() === "a");
    limit = 2;
    a!.done();
    await until("b and c", () => running.join() === "b,c");
    b!.done();
    c!.done();
    await Promise.all([a!.passed, b!.passed, c!.passed]);
  });

  test("removes an aborted waiter, and keeps the last limit while it cannot be read", async () => {
    let isAway = false;
    const gate = createConcurrencyLimit(async () => {
      if (isAway) throw new Error("away");
      return 1;
    });
    const stop = new AbortController();
    const [a, b, c] = [open(gate, "a"), open(gate, "b", stop.signal), open(gate, "c")];
    await until("a", () => running.join() === "a");
    isAway = true;
    stop.abort(new Error("stopped"));
    expect(await b.passed.catch((error: Error) => error.message)).toBe("stopped");
    a.done();
    await until("c", () => running.join() === "c");
    c.done();
    await Promise.all([a.passed, c.passed]);
  });
});
