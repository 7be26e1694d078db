import { afterAll, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { createTestApi } from "#tests/support/api";
import { insertPod, insertStep } from "#tests/support/pod-rows";

const api = await createTestApi({ RUNPOD_API_KEY: "set" });
const keyless = await createTestApi();
const { db } = api.deps.database;
afterAll(() => Promise.all([api.close(), keyless.close()]));

beforeEach(async () => {
  await db.execute(sql`truncate settings, pod_sessions, pod_work, sessions, photos cascade`);
  await db.execute(sql`update backends set in_force = false`);
  await db.execute(
    sql`update backends set in_force = true, connected = true, ready = true where ref = 'local'`,
  );
  api.temporal.calls.length = 0;
});

const switchTo = (mode: string) => api.call("POST", "/backend/mode", { mode });
const placeInForce = async () =>
  (await db.execute<{ ref: string }>(sql`select ref from backends where in_force`))[0]!.ref;

test("a switch to remote rents nothing, and the backend's run is notified", async () => {
  const [status, body] = await switchTo("remote");
  expect([status, body.mode, body.connected]).toEqual([200, "remote", false]);
  expect(body.message).toContain("GPU");
  expect(await placeInForce()).toBe("remote");
  expect(api.temporal.calls).toEqual([["backendChanged"]]);
  const [, shown] = await api.call("GET", "/backend/status");
  expect(shown).toMatchObject({ mode: "remote", connected: false });
  expect(shown).not.toHaveProperty("url");
  expect(shown).not.toHaveProperty("pod");
});

test("the place in force follows mode and volume: the volume's, a ready pod's, the local one", async () => {
  await api.call("PATCH", "/settings", { backend: { mode: "remote", volume_id: "vol1" } });
  expect(await placeInForce()).toBe("volume:vol1");
  await switchTo("local");
  expect(await placeInForce()).toBe("local");
  await api.call("PATCH", "/settings", { backend: { volume_id: null } });
  expect(await placeInForce()).toBe("local");
  const booting = await insertPod(db, { status: "booting", readyAt: null });
  await switchTo("remote");
  expect(await placeInForce()).toBe("remote");
  await switchTo("local");
  await db.execute(sql`update pod_sessions set status = 'ready', ready_at = now()`);
  await switchTo("remote");
  expect(await placeInForce()).toBe(`pod:${booting.id}`);
});

test("while a step runs the mode stays, also through the settings, and nothing of the change is stored", async () => {
  await insertStep(db, { status: "processing" });
  const [status, body] = await switchTo("remote");
  expect([status, body.error.code]).toEqual([409, "conflict"]);
  const change = { backend: { mode: "remote", idle_timeout_minutes: 7 } };
  expect((await api.call("PATCH", "/settings", change))[0]).toBe(409);
  const [, settings] = await api.call("GET", "/settings");
  expect(settings.backend).toMatchObject({ mode: "local", idle_timeout_minutes: 30 });
  expect(await placeInForce()).toBe("local");
  const [same, unchanged] = await switchTo("local");
  expect([same, unchanged.connected]).toEqual([200, true]);
});

test("a step that waits for its turn does not keep the mode", async () => {
  await insertStep(db, { status: "pending" });
  expect((await switchTo("remote"))[0]).toBe(200);
});

test("without RUNPOD_API_KEY the mode remote, a start and a stop are 409 pod_error that names the key", async () => {
  for (const [method, path, body] of [
    ["POST", "/backend/mode", { mode: "remote" }],
    ["PATCH", "/settings", { backend: { mode: "remote" } }],
    ["POST", "/backend/pod/start", undefined],
    ["POST", "/backend/pod/stop", undefined],
  ] as const) {
    const [status, answer] = await keyless.call(method, path, body);
    expect([path, status, answer.error.code]).toEqual([path, 409, "pod_error"]);
    expect(answer.error.message).toContain("RUNPOD_API_KEY");
  }
  const [, settings] = await keyless.call("GET", "/settings");
  expect(settings.backend.mode).toBe("local");
});

test("an unknown mode or field is 400", async () => {
  expect((await switchTo("cloud"))[0]).toBe(400);
  expect((await api.call("POST", "/backend/mode", { mode: "local", gpu: "x" }))[0]).toBe(400);
});
