import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { requestPodStop } from "#db/queries/pods/requests";
import { readPodSpending } from "#db/queries/pods/spending";
import { sumWork } from "#db/queries/pods/work";
import { sessionCost } from "#db/pod-costs";
import type { PodSession } from "#db/schema/pod-sessions";
import { createPodBench, type PodBench } from "#tests/support/pod-bench";

let bench: PodBench;
beforeEach(async () => {
  bench = await createPodBench({
    runpod: { billingLagMs: 30 * 60_000 },
    timings: { podBillMs: 60 * 60_000 },
  });
}, 60_000);
afterEach(() => bench.close(), 30_000);

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const until = (status: string) => bench.tendUntil(status, (session) => session.status === status);

async function startReady(): Promise<PodSession> {
  await bench.start();
  return bench.tendUntil("a pod that is ready", bench.isReady);
}

/** Passes time in which the pod is looked at and its guard hears a beat, as it is in life. */
async function live(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10 * minuteMs) {
    await bench.pass(Math.min(left, 10 * minuteMs));
    await bench.tend();
  }
}

async function takeTurn(images = 1): Promise<string> {
  const { stepId } = await bench.createStep(Array.from({ length: images }, (_, at) => at));
  await bench.run("askForTurn", { stepId });
  const { backend, ready } = await bench.run("checkBackend", {});
  await bench.run("tendLine", { backend, ready });
  return stepId;
}

async function costOfStep(stepId: string): Promise<number> {
  const [row] = await bench.sql`select cost_usd from steps where id = ${stepId}`;
  return Math.round(Number(row?.["cost_usd"]) * 1e6);
}

describe("budgets", () => {
  test("at 80 % of a session's budget the owner is told once, and at all of it the pod ends", async () => {
    await bench.set({ "backend.max_session_cost_usd": 0.2, "backend.max_month_cost_usd": null });
    await startReady();
    await takeTurn();
    await live(31 * minuteMs);
    expect(await bench.events("pod.budget_near")).toHaveLength(0);
    await live(2 * minuteMs);
    await bench.tend();
    expect(await bench.events("pod.budget_near")).toMatchObject([
      { data: { limit: "session", limit_usd: 0.2 } },
    ]);
    await live(8 * minuteMs);
    expect(await bench.newest()).toMatchObject({ status: "draining" });
    // The step that holds the turn has no run here, which would release it.
    await bench.pass(75_000);
    const ended = await until("ended");
    expect(ended).toMatchObject({ endReason: "session_budget" });
    expect(ended.costMicros).toBeLessThan(200_000 + (2 * ended.hourlyMicros!) / 60);
  }, 60_000);

  test("a pod is not rented beyond the month's budget, and the line says so; raised, it is", async () => {
    await bench.set({ "backend.max_month_cost_usd": 0.2 });
    await startReady();
    await takeTurn();
    await live(42 * minuteMs);
    await bench.pass(75_000);
    expect(await until("ended")).toMatchObject({ endReason: "month_budget" });
    await bench.pass(minuteMs);
    const stepId = await takeTurn();
    await bench.tend();
    expect(await bench.sessions()).toHaveLength(1);
    const { reason } = await bench.run("checkAndAskForTurn", { stepId });
    expect(reason).toContain("This month's budget of $0.20 is used");
    await bench.set({ "backend.max_month_cost_usd": 10 });
    await bench.tendUntil("a pod that is ready", bench.isReady);
  }, 60_000);

  test("with all of this program dead, the pod ends by itself at its budget", async () => {
    await bench.set({ "backend.max_session_cost_usd": 0.05, "backend.idle_timeout_minutes": 600 });
    await startReady();
    await bench.pass(15 * minuteMs);
    await bench.runpod.control.until(({ pods }) => pods.every(({ endedAt }) => endedAt !== null));
    const [pod] = await bench.pods();
    expect(pod).toMatchObject({ endedBy: "pod" });
  }, 60_000);

  test("after three hours away with a pod over its budget, the pod is ended first, and its cost is right", async () => {
    await bench.set({ "backend.max_session_cost_usd": 0.5 });
    // Its guard cannot end it either.
    await bench.runpod.control.addFault({ kind: "pod_key_refused" });
    await bench.runpod.control.addFault({ kind: "status", route: "graphql", status: 500 });
    await startReady();
    await takeTurn();
    await bench.pass(3 * hourMs);
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "draining" });
    await bench.pass(75_000);
    const ended = await bench.tendUntil("an end", bench.isOver);
    const [pod] = await bench.pods();
    expect(ended.costMicros! / 1e6).toBeCloseTo(pod!.totalUsd, 2);
    expect(await bench.creates()).toBe(1);
  }, 60_000);
});

describe("costs", () => {
  test("steps and overhead are the session's cost to the micro-dollar, and images the step's; a retry adds to it", async () => {
    await startReady();
    const stepId = await takeTurn(3);
    await bench.sql`
      with made as (
        insert into photos (id, kind, filename, retrieval_status, step_id, slot_index)
        select gen_random_uuid(), 'generated', 'a.png', 'failed', step_id, slot_index from slots
        where step_id = ${stepId} returning id, slot_index
      )
      update slots set status = 'filled', photo_id = made.id from made
      where slots.step_id = ${stepId} and slots.slot_index = made.slot_index`;
    await bench.pass(7 * minuteMs + 1);
    await bench.run("giveTurnBack", { stepId });
    const first = await costOfStep(stepId);
    expect(first).toBeGreaterThan(0);
    // The same release again, as after a lost answer.
    await bench.run("giveTurnBack", { stepId });
    expect(await costOfStep(stepId)).toBe(first);
    const photos = await bench.sql`select cost_usd from photos where step_id = ${stepId}`;
    const shares = photos.map((photo) => Math.round(Number(photo["cost_usd"]) * 1e6));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(first);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);

    await bench.run("askForTurn", { stepId });
    const { backend, ready } = await bench.run("checkBackend", {});
    await bench.run("tendLine", { backend, ready });
    await bench.pass(minuteMs);
    await bench.run("giveTurnBack", { stepId });
    expect(await costOfStep(stepId)).toBeGreaterThan(first);

    await requestPodStop(bench.db, { now: bench.now() });
    const ended = await until("ended");
    const work = (await sumWork(bench.db, [ended.id])).get(ended.id)!;
    expect(work.micros).toBe(await costOfStep(stepId));
    expect(ended.costMicros! - work.micros).toBeGreaterThan(0);
    const spent = { now: bench.now(), timeZone: "UTC" };
    expect(await readPodSpending(bench.db, spent)).toMatchObject({
      currentMicros: 0,
      monthMicros: ended.costMicros!,
      lifetimeMicros: ended.costMicros!,
    });
  }, 60_000);

  test("a step that goes on with a second pod at another rate costs the time on each at its own rate", async () => {
    const first = await startReady();
    const stepId = await takeTurn(2);
    await live(20 * minuteMs);
    await bench.runpod.control.strikePod(first.podId!, "vanish");
    await bench.tendUntil("an end", bench.isOver);
    const afterFirst = await costOfStep(stepId);
    await bench.run("giveTurnBack", { stepId });

    await bench.set({ "backend.gpu_types": ["NVIDIA GeForce RTX 4090"] });
    await bench.pass(minuteMs);
    await bench.run("askForTurn", { stepId });
    const second = await bench.tendUntil("a second pod", bench.isReady);
    const { backend, ready } = await bench.run("checkBackend", {});
    await bench.run("tendLine", { backend, ready });
    await live(10 * minuteMs);
    await bench.run("giveTurnBack", { stepId });
    expect(second.hourlyMicros).toBeGreaterThan(2 * first.hourlyMicros!);
    const work = await sumWork(bench.db, [first.id, second.id]);
    expect(work.get(first.id)?.micros).toBe(afterFirst);
    const ofSecond = work.get(second.id)!.micros;
    expect(afterFirst + ofSecond).toBe(await costOfStep(stepId));
    // Ten minutes at more than twice the rate.
    expect(ofSecond).toBeGreaterThanOrEqual(Math.floor(second.hourlyMicros! / 6));
    expect(afterFirst).toBeGreaterThanOrEqual(Math.floor(first.hourlyMicros! / 3));
  }, 60_000);

  test("a turn that is held when its pod ends is paid until then, once", async () => {
    const { podId } = await startReady();
    const stepId = await takeTurn();
    await live(5 * minuteMs);
    await bench.runpod.control.strikePod(podId!, "vanish");
    await bench.tendUntil("an end", bench.isOver);
    const paid = await costOfStep(stepId);
    expect(paid).toBeGreaterThan(0);
    await bench.run("giveTurnBack", { stepId });
    expect(await costOfStep(stepId)).toBe(paid);
  }, 60_000);

  test("a clock that was set back makes no cost negative", async () => {
    const ready = await startReady();
    const stepId = await takeTurn();
    bench.clock.now = new Date(bench.now().getTime() - hourMs);
    await bench.run("giveTurnBack", { stepId });
    expect(await costOfStep(stepId)).toBe(0);
    expect(sessionCost(ready, new Date(ready.madeAt!.getTime() - hourMs))).toBe(0);
  }, 60_000);

  test("a step on the local InvokeAI costs nothing", async () => {
    await bench.set({ "backend.mode": "local" });
    await bench.tend();
    const stepId = await takeTurn();
    await bench.pass(minuteMs);
    await bench.run("giveTurnBack", { stepId });
    const [row] = await bench.sql`select cost_usd from steps where id = ${stepId}`;
    expect(row?.["cost_usd"]).toBeNull();
  }, 60_000);

  test("without a rate the dearest candidate's counts, and is marked; a rate that comes later replaces it", async () => {
    await bench.set({ "backend.gpu_types": ["NVIDIA RTX A4500", "NVIDIA GeForce RTX 4090"] });
    await bench.runpod.control.addFault({ kind: "rate_missing", cost: 0 });
    await bench.runpod.control.addFault({
      kind: "no_capacity",
      gpu: "NVIDIA GeForce RTX 4090",
    });
    const ready = await startReady();
    const offers = await bench.provider.listOffers();
    const dearest = offers.find(({ gpuType }) => gpuType === "NVIDIA GeForce RTX 4090")!;
    const disk = bench.provider.hourlyDiskMicros(ready.diskGb);
    expect(ready).toMatchObject({
      rateIsEstimate: true,
      hourlyMicros: dearest.hourlyMicros! + disk,
    });
    await bench.runpod.control.clearFaults();
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ rateIsEstimate: false });
    expect((await bench.newest()).hourlyMicros).toBeLessThan(ready.hourlyMicros!);
  }, 60_000);

  test("the bill replaces the estimate once it is known, and never the cost of a step", async () => {
    await startReady();
    const stepId = await takeTurn();
    await bench.pass(11 * minuteMs);
    await bench.run("giveTurnBack", { stepId });
    const ofStep = await costOfStep(stepId);
    await requestPodStop(bench.db, { now: bench.now() });
    const { id, costMicros } = await until("ended");
    expect(await bench.run("reapPods", {})).toEqual({ orphans: 0, bills: 0 });
    await bench.pass(2 * hourMs);
    expect(await bench.run("reapPods", {})).toEqual({ orphans: 0, bills: 1 });
    const billed = await bench.newest();
    const [pod] = await bench.pods();
    expect(billed).toMatchObject({ id, costSource: "billed" });
    expect(billed.costMicros! / 1e6).toBeCloseTo(pod!.totalUsd, 4);
    expect(Math.abs(billed.costMicros! - costMicros!)).toBeLessThan(10_000);
    expect(await bench.run("reapPods", {})).toEqual({ orphans: 0, bills: 0 });
    expect(await costOfStep(stepId)).toBe(ofStep);
  }, 60_000);
});
