import { afterAll, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { createMetrics } from "#api/metrics";
import { watchPods } from "#api/pod-metrics";
import { createTestApi } from "#tests/support/api";
import { insertPod, insertStep, insertWork, minutesAgo } from "#tests/support/pod-rows";
import { insertPhoto } from "#tests/support/rows";

const api = await createTestApi({ RUNPOD_API_KEY: "set" });
const { db } = api.deps.database;
afterAll(() => api.close());
beforeEach(async () => {
  await db.execute(sql`truncate pod_sessions, pod_work, sessions, photos cascade`);
});

const list = async (query = "") => (await api.call("GET", `/backend/pod/sessions${query}`))[1];
const tracking = async () => (await api.call("GET", "/settings"))[1].cost_tracking;

test("the steps of a session and its overhead add up to its cost, with steps and pictures", async () => {
  const { id: sessionId } = await insertPod(db, {
    status: "ended",
    volumeId: "vol1",
    readyAt: minutesAgo(55),
    costMicros: 500_001,
  });
  const step = await insertStep(db);
  const other = await insertStep(db);
  const work = (stepId: string, turn: number, micros: number, from: number) =>
    insertWork(db, {
      sessionId,
      stepId,
      turn,
      micros,
      from: minutesAgo(from),
      to: minutesAgo(from - 5),
    });
  await work(step.id, 1, 100_000, 50);
  await work(step.id, 3, 50_000, 20);
  await work(other.id, 2, 7, 40);
  for (const [slotIndex, at] of [46, 46, 17].entries()) {
    await insertPhoto(db, {
      kind: "generated",
      backend: "volume:vol1",
      stepId: step.id,
      slotIndex,
      createdAt: minutesAgo(at),
    });
  }
  const { items } = await list();
  expect(items).toMatchObject([
    { id: sessionId, pod_id: "pod1", status: "ended", reason: "idle", cost_source: "estimate" },
  ]);
  expect(items[0]).toMatchObject({ cost_usd: 0.500001, overhead_usd: 0.349994 });
  expect(items[0]).toMatchObject({ steps: 2, pictures: 3 });
});

test("a step that went on with a second pod has its pictures counted where they were made", async () => {
  const step = await insertStep(db);
  const ended = { status: "ended", volumeId: "vol1" } as const;
  const pods = [
    await insertPod(db, {
      ...ended,
      requestedAt: minutesAgo(61),
      readyAt: minutesAgo(55),
      endedAt: minutesAgo(45),
    }),
    await insertPod(db, { ...ended, requestedAt: minutesAgo(44), readyAt: minutesAgo(30) }),
  ];
  for (const [at, pod] of pods.entries()) {
    const from = minutesAgo(50 - at * 30);
    const to = minutesAgo(45 - at * 30);
    await insertWork(db, { sessionId: pod.id, stepId: step.id, turn: at, micros: 1, from, to });
  }
  for (const [slotIndex, at] of [46, 17, 16].entries()) {
    await insertPhoto(db, {
      kind: "generated",
      backend: "volume:vol1",
      stepId: step.id,
      slotIndex,
      createdAt: minutesAgo(at),
    });
  }
  const { items } = await list();
  expect(items.map((item: { pictures: number }) => item.pictures)).toEqual([2, 1]);
});

test("the list pages by cursor, newest first", async () => {
  const ids: string[] = [];
  for (const minutes of [10, 20, 30]) {
    ids.push((await insertPod(db, { status: "ended", requestedAt: minutesAgo(minutes) })).id);
  }
  const first = await list("?limit=2");
  expect([first.items.length, first.total]).toEqual([2, 3]);
  const rest = await list(`?limit=2&cursor=${first.next_cursor}`);
  expect([...first.items, ...rest.items].map((item) => item.id)).toEqual(ids);
  expect(rest.next_cursor).toBeNull();
});

test("cost tracking sums all sessions: the live one by its rate, the month's part by time", async () => {
  expect(await tracking()).toEqual({
    current_session_cost: 0,
    month_cost: 0,
    lifetime_usage_hours: 0,
    lifetime_cost: 0,
  });
  const today = new Date();
  const month = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth()));
  const hoursBefore = (hours: number) => new Date(month.getTime() - hours * 3_600_000);
  // Long before this month, and one hour on each side of its start.
  await insertPod(db, {
    status: "ended",
    madeAt: hoursBefore(10),
    endedAt: hoursBefore(8),
    costMicros: 3_000_000,
  });
  await insertPod(db, {
    status: "ended",
    madeAt: hoursBefore(1),
    endedAt: hoursBefore(-1),
    costMicros: 2_000_000,
    costSource: "billed",
  });
  const ended = await tracking();
  expect(ended).toMatchObject({ lifetime_cost: 5, month_cost: 1, lifetime_usage_hours: 4 });
  await insertPod(db);
  const live = await tracking();
  expect(live.current_session_cost).toBeCloseTo(0.5, 2);
  expect(live.lifetime_cost).toBeCloseTo(5.5, 2);
  expect(live.lifetime_usage_hours).toBeCloseTo(5, 2);
});

test("what a deleted step has cost stays in its session's sum", async () => {
  const pod = await insertPod(db, { status: "ended" });
  const step = await insertStep(db);
  const time = { from: minutesAgo(50), to: minutesAgo(40) };
  await insertWork(db, { sessionId: pod.id, stepId: step.id, turn: 1, micros: 12_000, ...time });
  const costs = async () => {
    const { cost_usd, overhead_usd, steps } = (await list()).items[0];
    return { cost_usd, overhead_usd, steps };
  };
  const before = await costs();
  expect(before.cost_usd - before.overhead_usd).toBeCloseTo(0.012, 6);
  await db.execute(sql`delete from sessions where id = ${step.sessionId}`);
  expect(await costs()).toEqual(before);
});

test("a bill replaces the estimate, also where it is lower than the steps", async () => {
  const pod = await insertPod(db, { status: "ended", costMicros: 10_000, costSource: "billed" });
  const step = await insertStep(db);
  const time = { from: minutesAgo(50), to: minutesAgo(40) };
  await insertWork(db, { sessionId: pod.id, stepId: step.id, turn: 1, micros: 12_000, ...time });
  const { items } = await list();
  expect(items[0]).toMatchObject({ cost_source: "billed", cost_usd: 0.01, overhead_usd: -0.002 });
});

test("state, time and costs of rented pods are metrics, also when there is none", async () => {
  const metrics = createMetrics();
  watchPods(metrics, db, api.deps.config);
  const read = () => metrics.registry.metrics();
  expect(await read()).toContain('gallery_pod_state{state="none"} 1');
  await insertPod(db);
  const text = await read();
  expect(text).toContain('gallery_pod_state{state="ready"} 1');
  expect(text).toContain('gallery_pod_state{state="none"} 0');
  expect(text).toMatch(/gallery_pod_billed_seconds 36\d\d/);
  expect(text).toMatch(/gallery_pod_cost_dollars\{of="session"\} 0\.5/);
});
