import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { backends } from "#db/schema/backends";
import { podSessions } from "#db/schema/pod-sessions";
import { createTestApi } from "#tests/support/api";
import { insertPod, minutesAgo } from "#tests/support/pod-rows";

const api = await createTestApi({ RUNPOD_API_KEY: "set" });
const { db } = api.deps.database;
afterAll(() => api.close());

beforeEach(async () => {
  await db.execute(sql`truncate settings, pod_sessions, pod_work cascade`);
  await api.call("POST", "/backend/mode", { mode: "local" });
  await api.call("POST", "/backend/mode", { mode: "remote" });
  api.temporal.calls.length = 0;
  api.temporal.isAway = false;
});

const start = (headers = {}) => api.call("POST", "/backend/pod/start", undefined, headers);
const stop = () => api.call("POST", "/backend/pod/stop");
const rows = () => db.select().from(podSessions);
const showPod = async () => (await api.call("GET", "/backend/status"))[1];

describe("a start", () => {
  test("writes one row and notifies the backend's run; repeated and at once it is the same pod", async () => {
    const answers = await Promise.all([start(), start(), start()]);
    for (const [status, body] of answers) {
      expect([status, body]).toEqual([202, { status: "creating", estimated_startup_seconds: 300 }]);
    }
    expect(await rows()).toMatchObject([{ status: "creating", isExplicit: true, diskGb: 40 }]);
    expect(api.temporal.calls).toContainEqual(["backendChanged"]);
  });

  test("with an Idempotency-Key gives its first answer again after the pod has ended", async () => {
    const key = { "idempotency-key": "tea" };
    const first = await start(key);
    await db.update(podSessions).set({ status: "ended", endedAt: new Date(), endReason: "idle" });
    expect(await start(key)).toEqual(first);
    expect(await rows()).toHaveLength(1);
  });

  test("is accepted while the workflow service is away", async () => {
    api.temporal.isAway = true;
    expect((await start())[0]).toBe(202);
    expect(await rows()).toHaveLength(1);
  });

  test("of a running pod has its id, and no wait", async () => {
    await insertPod(db);
    const expected = { pod_id: "pod1", status: "ready", estimated_startup_seconds: 0 };
    expect(await start()).toEqual([202, expected]);
  });

  test("while a pod is ending has another one follow", async () => {
    await insertPod(db, { status: "draining", endReason: "idle" });
    expect((await start())[1].status).toBe("draining");
    expect(await rows()).toMatchObject([{ startAgain: true }]);
  });

  test("estimates the wait from the pods that have started before, less what has passed", async () => {
    for (const minutes of [2, 3, 9]) {
      await insertPod(db, { status: "ended", readyAt: minutesAgo(60 - minutes) });
    }
    const waits = (await start())[1].estimated_startup_seconds;
    expect(waits).toBe(180);
    await db.execute(
      sql`update pod_sessions set status = 'booting', pod_name = 'n', pod_id = 'p', hourly_micros = 1,
        made_at = now() - interval '1 minute' where status = 'creating'`,
    );
    expect((await start())[1].estimated_startup_seconds).toBeWithin(115, 121);
  });

  test("is refused with mode local, and when the month's budget is used", async () => {
    await api.call("PATCH", "/settings", { backend: { max_month_cost_usd: 0.5 } });
    await insertPod(db, { status: "ended", madeAt: new Date(Date.now() - 1), costMicros: 500_000 });
    const [used, body] = await start();
    expect([used, body.error.code]).toEqual([409, "pod_error"]);
    expect(body.error.message).toContain("max_month_cost_usd");
    await api.call("POST", "/backend/mode", { mode: "local" });
    expect((await start())[1].error.message).toContain("/backend/mode");
    expect(await rows()).toHaveLength(1);
  });
});

describe("a stop", () => {
  test("is noted once, with what the pod has cost; the row is the worker's from then on", async () => {
    await insertPod(db);
    const [status, body] = await stop();
    expect(status).toBe(202);
    expect(body).toMatchObject({ pod_id: "pod1", status: "ready" });
    expect(body.session_seconds).toBeWithin(3_600, 3_610);
    expect(body.session_cost_usd).toBeCloseTo(0.5, 2);
    const [first] = await rows();
    expect(first!.stopRequestedAt).not.toBeNull();
    await stop();
    expect((await rows())[0]!.stopRequestedAt).toEqual(first!.stopRequestedAt);
    expect(api.temporal.calls).toContainEqual(["backendChanged"]);
  });

  test("without a pod changes nothing", async () => {
    const none = { pod_id: null, status: "none", session_seconds: 0, session_cost_usd: 0 };
    expect(await stop()).toEqual([202, none]);
  });
});

describe("the status", () => {
  test("has what a person wants to know of the pod, and what of it anybody can reach", async () => {
    const { madeAt, readyAt } = await insertPod(db, { idleSince: minutesAgo(10) });
    const { pod, exposure } = await showPod();
    expect(pod).toMatchObject({
      id: "pod1",
      status: "ready",
      gpu: "NVIDIA RTX A5000",
      hourly_rate_usd: 0.5,
      rate_is_estimate: false,
      name: "gallery-0123456789ab-01JDXYZABCDEF",
      data_center: "EU-RO-1",
      phase_message: "Ready.",
      started_at: madeAt!.toISOString(),
      ready_at: readyAt!.toISOString(),
    });
    expect(pod.idle_seconds).toBeWithin(600, 610);
    expect(pod.session_cost_usd).toBeCloseTo(0.5, 2);
    expect(exposure).toContain("9090");
    expect(JSON.stringify(await showPod())).not.toContain("proxy.runpod.net");
  });

  test("stops_at is the first of idle time, longest time and the budgets", async () => {
    const since = minutesAgo(10);
    const { madeAt } = await insertPod(db, { idleSince: since });
    const stopsAt = async (backend: object) => {
      await api.call("PATCH", "/settings", { backend });
      return Date.parse((await showPod()).pod.stops_at);
    };
    const after = (from: Date, minutes: number) => from.getTime() + minutes * 60_000;
    expect(await stopsAt({ idle_timeout_minutes: 30 })).toBe(after(since, 30));
    expect(await stopsAt({ max_session_hours: 1.1 })).toBe(after(madeAt!, 66));
    // Half a dollar is spent; 10 cents more are 12 minutes.
    const budget = await stopsAt({ max_session_hours: 8, max_session_cost_usd: 0.6 });
    expect(Math.abs(budget - after(madeAt!, 72))).toBeLessThan(2_000);
    await db.update(podSessions).set({ status: "terminating" });
    expect((await showPod()).pod.stops_at).toBeNull();
  });

  test("while a pod is asked for there is neither price nor exposure", async () => {
    await start();
    const { pod, exposure } = await showPod();
    expect(pod).toMatchObject({ id: null, gpu: null, hourly_rate_usd: null, session_cost_usd: 0 });
    expect(pod).toMatchObject({ status: "creating", started_at: null, stops_at: null });
    expect(exposure).toBeUndefined();
  });

  test("a failed attempt stays visible with its reason until another one or the mode local", async () => {
    await insertPod(db, { status: "failed", podId: null, phaseMessage: "All types are sold out." });
    expect(await showPod()).toMatchObject({
      pod: { status: "failed" },
      last_error: "All types are sold out.",
    });
    await api.call("POST", "/backend/mode", { mode: "local" });
    expect(await showPod()).not.toHaveProperty("pod");
  });

  test("while a pod starts or ends, its own state says why InvokeAI is not connected", async () => {
    await db.update(backends).set({ connected: false, lastError: "No GPU is rented now." });
    await start();
    expect((await showPod()).last_error).toBe("Waiting for the worker.");
    await db.update(podSessions).set({ status: "booting", phaseMessage: "Starting InvokeAI." });
    expect((await showPod()).last_error).toBe("Starting InvokeAI.");
    await db.update(podSessions).set({ status: "ready" });
    expect((await showPod()).last_error).toBe("No GPU is rented now.");
    await db.update(backends).set({ lastError: null });
  });

  test("an ended pod is not shown", async () => {
    await insertPod(db, { status: "ended" });
    expect(await showPod()).not.toHaveProperty("pod");
  });

  test("without a key, a pod that may run is an error that says how to end it by hand", async () => {
    const keyless = await createTestApi();
    await insertPod(keyless.deps.database.db, { podId: null, status: "creating" });
    const [, body] = await keyless.call("GET", "/backend/status");
    expect(body.last_error).toContain("RUNPOD_API_KEY");
    expect(body.last_error).toContain("gallery-0123456789ab-01JDXYZABCDEF");
    await keyless.close();
  });
});
