import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { steps } from "#db/schema/steps";
import { turns } from "#db/schema/turns";
import { type Body, createTestApi } from "#tests/support/api";
import { insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi({ TIME_ZONE: "Europe/Berlin" });
const { db } = api.deps.database;
afterAll(() => api.close());

const model = await insertModel(db);
const call = (method: string, path: string, body?: unknown) =>
  api.call(method, `/generation${path}`, body);

async function open(body: object = {}): Promise<Body> {
  const [status, session] = await call("POST", "/sessions", { entry_type: "scratch", ...body });
  expect([status, session.error]).toEqual([201, undefined]);
  return session;
}

const request = (sessionId: string, body: object = {}) =>
  call("POST", `/sessions/${sessionId}/steps`, {
    prompt: "a boat",
    parameters: { model_key: model.key },
    ...body,
  });

async function requested(sessionId: string, body: object = {}): Promise<Body> {
  const [status, step] = await request(sessionId, body);
  expect([status, step.error]).toEqual([202, undefined]);
  return step;
}

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();

/** As its run would. */
const joinLine = (stepId: string) => db.insert(turns).values({ stepId, askedAt: new Date() });
const turnOf = async (stepId: string) =>
  (await db.select().from(turns).where(eq(turns.stepId, stepId)))[0];

describe("a step", () => {
  test("without a schedule has normal priority, and may start at once", async () => {
    const step = await requested((await open()).id);
    expect([step.priority, step.not_before, step.window, step.progress_message]).toEqual([
      "normal",
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("that must not start yet says until when, on the owner's clock", async () => {
    const session = await open();
    const at = new Date(Date.now() + 86_400_000);
    const step = await requested(session.id, { not_before: at.toISOString() });
    expect(step.not_before).toBe(at.toISOString());
    expect(step.progress_message).toMatch(
      /^Not to start before \d{4}-\d\d-\d\d \d\d:\d\d \(Europe\/Berlin\)\.$/,
    );
    const past = await requested(session.id, { not_before: inHours(-1) });
    expect(past.progress_message).toBeUndefined();
  });

  test("takes the session's schedule, except for what it has of its own", async () => {
    const window = { from: "22:00", to: "06:00" };
    const session = await open({ priority: "idle", window });
    expect(session).toMatchObject({ priority: "idle", window });
    expect(await requested(session.id)).toMatchObject({ priority: "idle", window });
    const own = { priority: "now", window: { from: "01:00", to: "02:00" } };
    expect(await requested(session.id, own)).toMatchObject(own);
    const anyTime = await requested(session.id, { window: null });
    expect([anyTime.priority, anyTime.window]).toEqual(["idle", undefined]);
  });

  test("says why it waits as of the moment at which it is read", async () => {
    const step = await requested((await open()).id, { not_before: inHours(5) });
    const message = async () => (await call("GET", `/steps/${step.id}`))[1].progress_message;
    expect(await message()).toContain("Not to start before");
    await db
      .update(steps)
      .set({ notBefore: new Date(Date.now() - 1) })
      .where(eq(steps.id, step.id));
    expect(await message()).toBeUndefined();
  });

  test("of a grid or a variation has a schedule, too", async () => {
    const window = { from: "22:00", to: "06:00" };
    const schedule = { priority: "idle", window };
    const [status, grid] = await call("POST", "/grids", {
      axes: [{ field: "parameters.cfg_scale", values: [2, 3] }],
      step: { prompt: "a boat", parameters: { model_key: model.key }, ...schedule },
    });
    expect([status, grid.error]).toEqual([202, undefined]);
    for (const { step_id } of grid.cells[0]) {
      expect((await call("GET", `/steps/${step_id}`))[1]).toMatchObject(schedule);
    }
    const photo = await insertPhoto(db, { kind: "uploaded" });
    const body = { prompt: "a boat", parameters: { model_key: model.key }, ...schedule };
    const [, made] = await api.call("POST", `/photos/${photo.id}/variations`, body);
    expect(made.step).toMatchObject(schedule);
  });

  test.each([
    [{ priority: "high" }, "priority"],
    [{ not_before: "tomorrow" }, "not_before"],
    [{ not_before: inHours(24 * 400) }, "not_before"],
    [{ window: { from: "22:00", to: "22:00" } }, "window.to"],
    [{ window: { from: "24:00", to: "06:00" } }, "window.from"],
    [{ window: { from: "22:00" } }, "window.to"],
  ])("with %j is refused", async (body, path) => {
    const session = await open();
    const [status, answer] = await request(session.id, body);
    expect([status, answer.error.details.errors[0].path]).toEqual([400, path]);
    expect(await db.$count(steps, eq(steps.sessionId, session.id))).toBe(0);
    expect((await call("POST", "/sessions", { entry_type: "scratch", ...body }))[0]).toBe(400);
    expect((await call("PATCH", `/sessions/${session.id}`, body))[0]).toBe(400);
  });

  test("that goes before one of its session in the line makes that one stand down", async () => {
    const session = await open();
    const idle = await requested(session.id, { priority: "idle" });
    await joinLine(idle.id);
    await db.update(turns).set({ rank: 2 }).where(eq(turns.stepId, idle.id));
    const before = api.temporal.calls.length;
    const urgent = await requested(session.id, { priority: "now" });
    expect(api.temporal.calls.slice(before)).toEqual([
      ["stepRequested", session.id, urgent.id],
      ["stepOvertaken", idle.id],
    ]);
  });
});

describe("the schedule of a waiting step is changed:", () => {
  test("its place in the line follows, and the run of a step that may start now keeps waiting there", async () => {
    const session = await open();
    const step = await requested(session.id);
    await joinLine(step.id);
    const before = api.temporal.calls.length;
    const [status, changed] = await call("PATCH", `/steps/${step.id}`, { priority: "now" });
    expect([status, changed.priority]).toEqual([200, "now"]);
    expect(await turnOf(step.id)).toMatchObject({ rank: 0, closesAt: null });
    expect(api.temporal.calls.slice(before)).toEqual([["stepRequested", session.id, step.id]]);
  });

  test("one that holds its turn is about to start: it stays as it is", async () => {
    const session = await open();
    const step = await requested(session.id);
    await joinLine(step.id);
    const granted = { backend: "local", grantedAt: new Date() };
    await db.update(turns).set(granted).where(eq(turns.stepId, step.id));
    const later = { not_before: inHours(5) };
    expect((await call("PATCH", `/steps/${step.id}`, later))[0]).toBe(409);
    expect((await call("PATCH", `/sessions/${session.id}`, later))[0]).toBe(200);
    expect((await call("GET", `/steps/${step.id}`))[1].not_before).toBeUndefined();
    await db.delete(turns);
  });

  test("one that may no longer start gets no turn from then on, until the time is cleared", async () => {
    const session = await open();
    const step = await requested(session.id);
    await joinLine(step.id);
    const before = api.temporal.calls.length;
    const [, later] = await call("PATCH", `/steps/${step.id}`, { not_before: inHours(5) });
    expect(api.temporal.calls.slice(before)).toEqual([
      ["stepRequested", session.id, step.id],
      ["stepOvertaken", step.id],
    ]);
    expect((await turnOf(step.id))!.closesAt!.getTime()).toBeLessThanOrEqual(Date.now());
    expect(later.progress_message).toContain("Not to start before");
    expect(later.not_before).toBeDefined();
    const [, cleared] = await call("PATCH", `/steps/${step.id}`, { not_before: null });
    expect(cleared.not_before).toBeUndefined();
    expect((await turnOf(step.id))!.closesAt).toBeNull();
  });

  test("that of a session applies to its waiting steps and to later ones, not to those that have started", async () => {
    const session = await open();
    const [started, waiting] = [await requested(session.id), await requested(session.id)];
    await db.update(steps).set({ status: "processing" }).where(eq(steps.id, started.id));
    const [status, changed] = await call("PATCH", `/sessions/${session.id}`, {
      priority: "idle",
      title: "Nights",
    });
    expect([status, changed.priority, changed.title]).toEqual([200, "idle", "Nights"]);
    const shown = await Promise.all(
      [started.id, waiting.id].map(async (id) => (await call("GET", `/steps/${id}`))[1].priority),
    );
    expect(shown).toEqual(["normal", "idle"]);
    expect((await requested(session.id)).priority).toBe("idle");
  });

  test("never of one that has started or ended, of a closed session, or together with a selection", async () => {
    const session = await open();
    const step = await requested(session.id);
    const both = { priority: "now", selected_image_id: null };
    expect((await call("PATCH", `/steps/${step.id}`, both))[0]).toBe(400);
    expect((await call("PATCH", `/steps/${step.id}`, {}))[0]).toBe(400);
    await db.update(steps).set({ status: "processing" }).where(eq(steps.id, step.id));
    expect((await call("PATCH", `/steps/${step.id}`, { priority: "now" }))[0]).toBe(409);
    const closed = await open();
    const end = { status: "completed", priority: "now" };
    expect((await call("PATCH", `/sessions/${closed.id}`, end))[0]).toBe(400);
    await call("PATCH", `/sessions/${closed.id}`, { status: "completed" });
    expect((await call("PATCH", `/sessions/${closed.id}`, { priority: "now" }))[0]).toBe(409);
    expect((await call("PATCH", `/steps/${crypto.randomUUID()}`, { priority: "now" }))[0]).toBe(
      404,
    );
  });
});
