import { afterAll, describe, expect, test } from "bun:test";
import { and, asc, eq, inArray } from "drizzle-orm";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { shareLinks } from "#db/schema/shares";
import { attempts, slots, stepProgress, steps } from "#db/schema/steps";
import { turns } from "#db/schema/turns";
import { discardUnselected } from "#db/queries/generation/discard";
import { type Body, createTestApi } from "#tests/support/api";
import { insertAlbum, insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const model = await insertModel(db);

const call = (method: string, path: string, body?: unknown) =>
  api.call(method, `/generation${path}`, body);

async function openSession(body: object = { entry_type: "scratch" }): Promise<Body> {
  const [status, session] = await call("POST", "/sessions", body);
  expect(status).toBe(201);
  return session;
}

const stepOf = (parameters: object = {}, rest: object = {}) => ({
  prompt: "a lighthouse at dusk",
  parameters: { model_key: model.key, ...parameters },
  ...rest,
});

async function requestStep(sessionId: string, body: object = stepOf()): Promise<Body> {
  const [status, step] = await call("POST", `/sessions/${sessionId}/steps`, body);
  expect([status, step.error]).toEqual([202, undefined]);
  return step;
}

/** Completes a step as its workflow would: each slot filled with a fetched image. */
async function finishStep(stepId: string, overrides: Partial<typeof photos.$inferInsert> = {}) {
  const [step] = await db.select().from(steps).where(eq(steps.id, stepId));
  const made = [];
  const open = await db
    .select()
    .from(slots)
    .where(eq(slots.stepId, stepId))
    .orderBy(asc(slots.index));
  for (const slot of open) {
    const photo = await insertPhoto(db, {
      kind: "generated",
      sessionId: step!.sessionId,
      stepId,
      slotIndex: slot.index,
      sourceImageId: step!.sourceImageId,
      ...overrides,
    });
    await db
      .update(slots)
      .set({ status: "filled", photoId: photo.id })
      .where(and(eq(slots.stepId, stepId), eq(slots.index, slot.index)));
    made.push(photo.id);
  }
  await endStep(stepId, "completed");
  return made;
}

async function endStep(stepId: string, status: "completed" | "failed" | "cancelled") {
  await db.update(steps).set({ status, completedAt: new Date() }).where(eq(steps.id, stepId));
}

const eventsOf = async (sessionId: string) => {
  const rows = await db
    .select()
    .from(events)
    .where(eq(events.sessionId, sessionId))
    .orderBy(asc(events.id));
  return rows.map((row) => row.type);
};

describe("sessions", () => {
  test("a session is opened, read, listed, renamed and completed, and its workflow is notified", async () => {
    const session = await openSession({ entry_type: "scratch", title: "  Cafe\u0301 " });
    expect(session).toMatchObject({ status: "active", title: "Café", steps_count: 0 });
    expect(session.workflow_id).toBe(`generation-session/${session.id}`);
    expect(session.workflow_url).toContain(encodeURIComponent(session.workflow_id));

    const [, listed] = await call("GET", "/sessions?limit=1");
    expect(listed).toMatchObject({ limit: 1, offset: 0, items: [{ id: session.id }] });
    const [, renamed] = await call("PATCH", `/sessions/${session.id}`, { title: "Towers" });
    expect(renamed.title).toBe("Towers");
    const [status, closed] = await call("PATCH", `/sessions/${session.id}`, {
      status: "completed",
    });
    expect([status, closed.status, typeof closed.completed_at]).toEqual([
      200,
      "completed",
      "string",
    ]);

    expect(await eventsOf(session.id)).toEqual(["session.created", "session.completed"]);
    expect(api.temporal.calls).toContainEqual(["sessionOpened", session.id]);
    expect(api.temporal.calls).toContainEqual(["sessionFinished", session.id]);
    const [again] = await call("PATCH", `/sessions/${session.id}`, { status: "abandoned" });
    expect(again).toBe(409);
  });

  test("a refinement requires a source image that is available", async () => {
    const trashed = await insertPhoto(db, { deletedAt: new Date() });
    const missing = crypto.randomUUID();
    const answers = await Promise.all(
      [undefined, missing, trashed.id].map((source_image_id) =>
        call("POST", "/sessions", { entry_type: "refinement", source_image_id }),
      ),
    );
    expect(answers.map(([status]) => status)).toEqual([400, 404, 409]);
    expect(answers[1]![1].error.details).toEqual({ path: "source_image_id" });
    const source = await insertPhoto(db);
    const session = await openSession({ entry_type: "refinement", source_image_id: source.id });
    expect(session.source_image_id).toBe(source.id);
  });

  test("pages by cursor and by offset hold the same sessions in the same order", async () => {
    for (let made = 0; made < 5; made += 1) await openSession();
    const [, whole] = await call("GET", "/sessions?limit=100");
    expect(whole.total).toBe(whole.items.length);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const [, page]: [number, Body] = await call(
        "GET",
        `/sessions?limit=2${cursor ? `&cursor=${cursor}` : ""}`,
      );
      seen.push(...page.items.map((session: Body) => session.id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(whole.items.map((session: Body) => session.id));
    const [foreign] = await call("GET", "/sessions?cursor=bm90LW1pbmU");
    expect(foreign).toBe(400);
  });

  test("a session is not completed while a step runs; abandoning it cancels the step", async () => {
    const session = await openSession();
    const step = await requestStep(session.id);
    const [refused] = await call("PATCH", `/sessions/${session.id}`, { status: "completed" });
    expect(refused).toBe(409);
    const [status] = await call("PATCH", `/sessions/${session.id}`, { status: "abandoned" });
    expect(status).toBe(200);
    const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
    expect(row!.cancelRequestedAt).not.toBeNull();
    const [late] = await call("POST", `/sessions/${session.id}/steps`, stepOf());
    expect(late).toBe(409);
  });

  test("discarding trashes images that are neither selected nor in use", async () => {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: 8 }));
    const [selected, favorite, inAlbum, source, reference, shared, plain, other] = await finishStep(
      step.id,
    );
    await call("POST", `/steps/${step.id}/select`, { image_id: selected });
    await db.update(photos).set({ isFavorite: true }).where(eq(photos.id, favorite!));
    await insertAlbum(db, [inAlbum!]);
    await insertPhoto(db, { sourceImageId: source! });
    await insertPhoto(db, { references: [{ imageId: reference!, role: "style" }] });
    await db.insert(shareLinks).values({
      id: crypto.randomUUID(),
      keyHash: "0".repeat(64),
      photoId: shared!,
    });

    const [early] = await call("PATCH", `/sessions/${session.id}`, { discard_unselected: true });
    expect(early).toBe(400);
    await call("PATCH", `/sessions/${session.id}`, {
      status: "completed",
      discard_unselected: true,
    });
    const kept = await db.select().from(photos).where(eq(photos.stepId, step.id));
    const trashed = kept.filter((photo) => photo.deletedAt !== null).map((photo) => photo.id);
    expect(trashed.toSorted()).toEqual([plain!, other!].toSorted());
  });

  test("images of a session that is abandoned during a step are discarded when the step has ended, and only once", async () => {
    const session = await openSession();
    const step = await requestStep(session.id);
    await call("PATCH", `/sessions/${session.id}`, {
      status: "abandoned",
      discard_unselected: true,
    });
    const [image] = await finishStep(step.id);
    const params = { sessionId: session.id, now: new Date() };
    const discard = () => db.transaction((tx) => discardUnselected(tx, params));
    expect(await discard()).toHaveLength(1);
    await db.update(photos).set({ deletedAt: null }).where(eq(photos.id, image!));
    expect(await discard()).toEqual([]);
  });
});

describe("deleting a session", () => {
  test("trashes images that are not selected, keeps the selected ones, and removes session and steps", async () => {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: 2 }));
    const [chosen, plain] = await finishStep(step.id);
    await call("POST", `/steps/${step.id}/select`, { image_id: chosen });
    const remove = () =>
      api.request(`/api/v1/generation/sessions/${session.id}`, { method: "DELETE" });
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    expect((await call("GET", `/steps/${step.id}`))[0]).toBe(404);
    const rows = await db
      .select()
      .from(photos)
      .where(inArray(photos.id, [chosen!, plain!]));
    const trashed = rows.filter((photo) => photo.deletedAt !== null);
    expect([rows.length, trashed.map((photo) => photo.id)]).toEqual([2, [plain!]]);
    expect(rows.every((photo) => photo.sessionId === null && photo.stepId === null)).toBe(true);
    const told = await db.select().from(events).where(eq(events.sessionId, session.id));
    expect(told.map((event) => event.type).slice(-2)).toEqual(["photo.trashed", "session.deleted"]);
    expect(api.temporal.calls.at(-1)).toEqual(["sessionFinished", session.id]);
  });
});

describe("a step request", () => {
  test("becomes a pending step with every parameter and one slot per seed, before its workflow is notified", async () => {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: 3, seed: 4_294_967_295 }));
    expect(step).toMatchObject({
      status: "pending",
      position: 1,
      progress: 0,
      seeds: [4_294_967_295, 0, 1],
      batch_size: 3,
      images_retrieved: 0,
      images_failed: 0,
      model_name: "Tiny",
      parameters: { width: 512, height: 512, steps: 20, cfg_scale: 7, scheduler: "euler" },
    });
    expect(step.parameters.strength).toBeUndefined();
    expect(api.temporal.calls).toContainEqual(["stepRequested", session.id, step.id]);
    const second = await requestStep(session.id);
    expect(second.position).toBe(2);
    expect(second.seeds).toHaveLength(1);
  });

  test("gets all its errors at once, and leaves no row behind", async () => {
    const session = await openSession();
    const foreignVae = await insertModel(db, { type: "vae", base: "sdxl", accepts: null });
    const [status, answer] = await call("POST", `/sessions/${session.id}/steps`, {
      prompt: " ",
      negative_prompt: "n".repeat(10_001),
      parameters: {
        model_key: model.key,
        model_hash: "blake3:other",
        vae_key: foreignVae.key,
        width: 65,
        height: 4096,
        steps: 0,
        cfg_scale: 0.5,
        scheduler: "nope",
        batch_size: 11,
        seed: 4_294_967_296,
        strength: 0.5,
        loras: [{ model_key: "none", weight: 11 }],
        clip_skip: 12,
        guidance: 3,
      },
    });
    expect([status, answer.error.code]).toEqual([400, "validation_error"]);
    expect(answer.error.details.errors.map((fault: Body) => fault.path)).toEqual([
      "prompt",
      "negative_prompt",
      "parameters.model_hash",
      "parameters.width",
      "parameters.height",
      "parameters.steps",
      "parameters.cfg_scale",
      "parameters.scheduler",
      "parameters.batch_size",
      "parameters.seed",
      "parameters.strength",
      "parameters.clip_skip",
      "parameters.guidance",
      "parameters.vae_key",
      "parameters.loras.0.model_key",
      "parameters.loras.0.weight",
    ]);
    const [, list] = await call("GET", `/sessions/${session.id}/steps`);
    expect(list.items).toEqual([]);
  });

  test.each([
    ["width 64.5", { width: 64.5 }],
    ["steps 1.5", { steps: 1.5 }],
    ["batch size 0", { batch_size: 0 }],
    ["seed -1", { seed: -1 }],
    ["an unknown field", { sampler: "euler" }],
    ["a text for a number", { width: "512" }],
  ])("with %s is refused", async (_name, parameters) => {
    const session = await openSession();
    const [status, answer] = await call(
      "POST",
      `/sessions/${session.id}/steps`,
      stepOf(parameters),
    );
    expect([status, answer.error.code]).toEqual([400, "validation_error"]);
  });

  test("with a repeated LoRA, or one of another base, is refused", async () => {
    const own = await insertModel(db, { type: "lora", accepts: null });
    const foreign = await insertModel(db, { type: "lora", base: "sdxl", accepts: null });
    const session = await openSession();
    const send = (...keys: string[]) => {
      const loras = keys.map((model_key) => ({ model_key, weight: 0.5 }));
      return call("POST", `/sessions/${session.id}/steps`, stepOf({ loras }));
    };
    const [, answer] = await send(own.key, own.key, foreign.key);
    expect(answer.error.details.errors.map((fault: Body) => fault.path)).toEqual([
      "parameters.loras.1.model_key",
      "parameters.loras.2.model_key",
    ]);
    expect((await send(own.key))[0]).toBe(202);
  });

  test.each([
    ["unknown", { model_key: "none" }],
    ["gone from InvokeAI", { isAvailable: false }],
    ["of a base that no graph is built for", { accepts: null }],
    ["a VAE", { type: "vae" }],
  ])("for a model that is %s is refused by name", async (_name, trait) => {
    const row = "model_key" in trait ? undefined : await insertModel(db, trait);
    const session = await openSession();
    const body = stepOf({ model_key: row?.key ?? "none" });
    const [status, answer] = await call("POST", `/sessions/${session.id}/steps`, body);
    expect([status, answer.error.code]).toEqual([400, "invokeai_model_error"]);
  });

  test("uses its own source image, else the parent's selected image, else the session's source, else none", async () => {
    const [own, first] = [await insertPhoto(db), await insertPhoto(db)];
    const session = await openSession({ entry_type: "refinement", source_image_id: first.id });
    const fromSession = await requestStep(session.id, stepOf({ strength: 0.4 }));
    expect(fromSession).toMatchObject({ source_image_id: first.id, parameters: { strength: 0.4 } });
    const [image] = await finishStep(fromSession.id);
    await call("POST", `/steps/${fromSession.id}/select`, { image_id: image });
    const parent_id = fromSession.id;
    const fromParent = await requestStep(session.id, stepOf({}, { parent_id }));
    expect(fromParent).toMatchObject({ source_image_id: image, parent_id });
    expect(fromParent.parameters.strength).toBe(0.75);
    const fromItself = await requestStep(
      session.id,
      stepOf({}, { parent_id, source_image_id: own.id }),
    );
    expect(fromItself.source_image_id).toBe(own.id);
    const scratch = await openSession();
    expect((await requestStep(scratch.id)).source_image_id).toBeUndefined();
    const [foreign, answer] = await call(
      "POST",
      `/sessions/${scratch.id}/steps`,
      stepOf({}, { parent_id }),
    );
    expect([foreign, answer.error.details.path]).toEqual([404, "parent_id"]);
  });

  test("sent three times with one key, also concurrently, is one step", async () => {
    const session = await openSession();
    const send = (body: object) =>
      api.postJson(`/api/v1/generation/sessions/${session.id}/steps`, body, {
        "idempotency-key": "once",
      });
    const [a, b] = await Promise.all([send(stepOf({ seed: 7 })), send(stepOf({ seed: 7 }))]);
    const c = await send(stepOf({ seed: 7 }));
    expect([a.status, b.status, c.status]).toEqual([202, 202, 202]);
    const ids = await Promise.all(
      [a, b, c].map(async (answer) => ((await answer.json()) as Body).id),
    );
    expect(new Set(ids).size).toBe(1);
    const [, list] = await call("GET", `/sessions/${session.id}/steps`);
    expect(list.items).toHaveLength(1);
    expect((await send(stepOf({ seed: 8 }))).status).toBe(409);
  });

  test("is accepted while the workflow service is unavailable, and says what it waits for", async () => {
    const session = await openSession();
    api.temporal.isAway = true;
    try {
      const step = await requestStep(session.id);
      expect(step).toMatchObject({
        status: "pending",
        progress_message: "Waiting for the workflow service.",
      });
    } finally {
      api.temporal.isAway = false;
    }
  });

  test("sent twice concurrently gets two positions", async () => {
    const session = await openSession();
    const made = await Promise.all([1, 2, 3, 4].map(() => requestStep(session.id)));
    expect(made.map((step) => step.position).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  });
});

describe("a step", () => {
  test("shows its images as alternatives, the selected one marked, and its progress", async () => {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: 2 }));
    const [first, second] = await finishStep(step.id);
    const [status, chosen] = await call("POST", `/steps/${step.id}/select`, { image_id: second });
    expect([status, chosen.selected_image_id, chosen.progress]).toEqual([200, second, 1]);
    const [, alternatives] = await call("GET", `/steps/${step.id}/alternatives`);
    expect(
      alternatives.items.map((item: Body) => [item.image_id, item.selected, item.photo.id]),
    ).toEqual([
      [first, false, first],
      [second, true, second],
    ]);
    const [, shown] = await call("GET", `/steps/${step.id}/status`);
    expect(shown.retrieval_status).toEqual({ total: 2, completed: 2, pending: 0, failed: 0 });
    const [, latest] = await call("GET", `/sessions/${session.id}`);
    expect([first, second]).toContain(latest.latest_image.id);
    expect(await eventsOf(session.id)).toContain("step.selected");
  });

  test("accepts as selected only an available image of its own, while its session is active", async () => {
    const session = await openSession();
    const step = await requestStep(session.id);
    const [image] = await finishStep(step.id);
    const pending = await insertPhoto(db, {
      kind: "generated",
      stepId: step.id,
      slotIndex: 9,
      retrievalStatus: "pending",
    });
    const trashed = await insertPhoto(db, {
      kind: "generated",
      stepId: step.id,
      slotIndex: 8,
      deletedAt: new Date(),
    });
    const foreign = await insertPhoto(db);
    const select = async (image_id: string) =>
      (await call("POST", `/steps/${step.id}/select`, { image_id }))[0];
    expect(await select(foreign.id)).toBe(409);
    expect(await select(crypto.randomUUID())).toBe(404);
    expect(await select(pending.id)).toBe(409);
    expect(await select(trashed.id)).toBe(409);
    expect(await select(image!)).toBe(200);
    const [none, cleared] = await call("PATCH", `/steps/${step.id}`, { selected_image_id: null });
    expect([none, cleared.selected_image_id]).toEqual([200, undefined]);
    await call("PATCH", `/sessions/${session.id}`, { status: "completed" });
    expect(await select(image!)).toBe(409);
  });

  test("is cancelled by a mark on its row; a step that has ended is not", async () => {
    const session = await openSession();
    const step = await requestStep(session.id);
    const [status, cancelled] = await call("POST", `/steps/${step.id}/cancel`);
    expect([status, cancelled.status]).toEqual([202, "pending"]);
    expect(api.temporal.calls).toContainEqual(["stepCancelled", session.id, step.id]);
    const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
    expect((await call("POST", `/steps/${step.id}/cancel`))[0]).toBe(202);
    const [later] = await db.select().from(steps).where(eq(steps.id, step.id));
    expect(later!.cancelRequestedAt).toEqual(row!.cancelRequestedAt);
    await endStep(step.id, "cancelled");
    expect((await call("POST", `/steps/${step.id}/cancel`))[0]).toBe(409);
    expect((await call("POST", `/steps/${crypto.randomUUID()}/cancel`))[0]).toBe(404);
  });

  test("that failed is run again for its missing images only", async () => {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: 3 }));
    expect((await call("POST", `/steps/${step.id}/retry`))[0]).toBe(409);
    const reason = { code: "invokeai_generation_error", message: "m", suggestion: "s" };
    await db
      .update(slots)
      .set({ status: "failed", error: reason })
      .where(eq(slots.stepId, step.id));
    // One image was generated and then deleted by the owner.
    await db
      .update(slots)
      .set({ status: "filled", error: null })
      .where(and(eq(slots.stepId, step.id), eq(slots.index, 1)));
    await endStep(step.id, "failed");
    const [status, again] = await call("POST", `/steps/${step.id}/retry`);
    expect([status, again.status, again.images_failed]).toEqual([202, "pending", 0]);
    const rows = await db
      .select()
      .from(slots)
      .where(eq(slots.stepId, step.id))
      .orderBy(asc(slots.index));
    expect(rows.map((slot) => slot.status)).toEqual(["open", "filled", "open"]);
  });

  test("that ended with all its images is not run again, unless it failed", async () => {
    const session = await openSession();
    const step = await requestStep(session.id);
    await db.update(slots).set({ status: "filled" }).where(eq(slots.stepId, step.id));
    for (const [status, answer] of [
      ["completed", 409],
      ["cancelled", 409],
      ["failed", 202],
    ] as const) {
      await endStep(step.id, status);
      expect([status, (await call("POST", `/steps/${step.id}/retry`))[0]]).toEqual([
        status,
        answer,
      ]);
    }
  });

  test("has its failed images fetched again, attempts counted from zero", async () => {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: 2 }));
    const [lost, waiting] = await finishStep(step.id, {
      retrievalStatus: "failed",
      retrievalAttempts: 5,
    });
    await db
      .update(photos)
      .set({ retrievalStatus: "pending", retrievalAttempts: 1 })
      .where(eq(photos.id, waiting!));
    const [status, answer] = await call("POST", `/steps/${step.id}/retry-retrievals`);
    expect([status, answer.retrying, answer.retrieval_status.pending]).toEqual([202, 2, 2]);
    const [row] = await db.select().from(photos).where(eq(photos.id, lost!));
    expect([row!.retrievalStatus, row!.retrievalAttempts]).toEqual(["pending", 0]);
    expect(api.temporal.calls).toContainEqual([
      "retrievalRetried",
      { id: lost, sessionId: session.id },
    ]);
  });
});

test("recent images are found by batch, correlation and time", async () => {
  const session = await openSession();
  const step = await requestStep(session.id, stepOf({ batch_size: 2 }));
  const made = await finishStep(step.id);
  const find = async (query: string) => {
    const [status, list] = await call("GET", `/images?${query}`);
    expect(status).toBe(200);
    return [list.total, list.items.map((photo: Body) => photo.id).toSorted()];
  };
  expect(await find(`correlation_id=${step.correlation_id}`)).toEqual([2, made.toSorted()]);
  const batchId = `${step.id}-1`;
  await db
    .insert(attempts)
    .values({ stepId: step.id, number: 1, batchId, backend: "local", slotIndexes: [0] });
  expect(await find(`batch_id=${batchId}`)).toEqual([1, [made[0]!]]);
  expect(await find("batch_id=none")).toEqual([0, []]);
  const future = new Date(Date.now() + 60_000).toISOString();
  expect(await find(`since=${future}`)).toEqual([0, []]);
});

test("models are listed with their defaults and VAEs, and one can be a favourite", async () => {
  const own = await insertModel(db, { name: "Zebra", base: "sd-2" });
  const vae = await insertModel(db, {
    type: "vae",
    base: "sd-2",
    name: "Clear",
    accepts: null,
    defaults: null,
  });
  const get = async (path: string): Promise<Body> =>
    (await api.request(`/api/v1/models${path}`)).json();
  const list = await get("?q=zeb");
  expect(list.items).toHaveLength(1);
  expect(list.items[0]).toMatchObject({
    key: own.key,
    supported: true,
    default_params: { width: 512, cfg_scale: 7 },
    compatible_vae: [{ key: vae.key, name: "Clear" }],
  });
  expect((await get("?type=vae&base=sd-2")).items[0].key).toBe(vae.key);
  const marked = await api.postJson(`/api/v1/models/${own.key}/favorite`, { is_favorite: true });
  expect(marked.status).toBe(200);
  expect((await get("?favorite=true")).items.map((row: Body) => row.key)).toEqual([own.key]);
  expect((await api.request("/api/v1/models/none")).status).toBe(404);
  const refreshed = await api.request("/api/v1/models/refresh", { method: "POST" });
  expect((await refreshed.json()) as Body).toMatchObject({ success: true, models_count: 0 });
});

test("the backend is shown as not connected before the worker's first check", async () => {
  const answer = await api.request("/api/v1/backend/status");
  expect((await answer.json()) as Body).toEqual({
    mode: "local",
    url: "http://127.0.0.1:9090",
    connected: false,
    queue: { pending: 0, in_progress: 0 },
  });
});

describe("the progress of a step", () => {
  const show = async (stepId: string): Promise<Body> => (await call("GET", `/steps/${stepId}`))[1];

  /** A step that InvokeAI is processing, with some of its images generated. */
  async function begin(images: number, made: number, progress: Partial<Body> = {}) {
    const session = await openSession();
    const step = await requestStep(session.id, stepOf({ batch_size: images }));
    await db
      .update(steps)
      .set({ status: "processing", startedAt: new Date() })
      .where(eq(steps.id, step.id));
    await db
      .update(slots)
      .set({ status: "filled" })
      .where(
        and(
          eq(slots.stepId, step.id),
          inArray(
            slots.index,
            Array.from({ length: made }, (_, index) => index),
          ),
        ),
      );
    const row = { stepId: step.id, progress: made / images, message: "Image 2 of 4.", ...progress };
    await db.insert(stepProgress).values(row);
    return step.id as string;
  }

  test("a cancel request is shown from its own answer on, until the step has ended", async () => {
    const stepId = await begin(4, 1);
    const [status, answer] = await call("POST", `/steps/${stepId}/cancel`);
    expect(status).toBe(202);
    expect(answer.progress_message).toBe("Cancelling: finished images are kept.");
    const session = await openSession();
    const { id } = await requestStep(session.id);
    await db.insert(turns).values({ stepId: id, askedAt: new Date() });
    expect(await show(id)).toMatchObject({ place_in_line: 1 });
    const [, waiting] = await call("POST", `/steps/${id}/cancel`);
    expect(waiting.progress_message).toBe("Cancelling: finished images are kept.");
    expect(waiting.place_in_line).toBeUndefined();
  });

  test("a cancelled step keeps the share that was generated, and so does one that is run again", async () => {
    const stepId = await begin(4, 3);
    await endStep(stepId, "cancelled");
    await db.delete(stepProgress).where(eq(stepProgress.stepId, stepId));
    expect(await show(stepId)).toMatchObject({ progress: 0.75, images_failed: 0 });
    await call("POST", `/steps/${stepId}/retry`);
    expect(await show(stepId)).toMatchObject({ status: "pending", progress: 0.75 });
  });

  test("an estimate that has passed is not shown", async () => {
    const at = (ms: number) => ({ estimatedCompletion: new Date(Date.now() + ms) });
    expect(await show(await begin(4, 1, at(60_000)))).toHaveProperty("estimated_completion");
    expect(await show(await begin(4, 1, at(-1_000)))).not.toHaveProperty("estimated_completion");
  });

  test("if a step fails before anything was sent to InvokeAI, all its images count as failed", async () => {
    const stepId = await begin(3, 0);
    expect((await show(stepId)).images_failed).toBe(0);
    await endStep(stepId, "failed");
    expect((await show(stepId)).images_failed).toBe(3);
    const partly = await begin(3, 1);
    await endStep(partly, "cancelled");
    expect((await show(partly)).images_failed).toBe(0);
  });
});

test("an image of another step cannot be selected, and the answer says why", async () => {
  const session = await openSession();
  const one = await requestStep(session.id);
  const [image] = await finishStep(one.id);
  const other = await requestStep(session.id);
  for (const [method, path, body] of [
    ["POST", `/steps/${other.id}/select`, { image_id: image }],
    ["PATCH", `/steps/${other.id}`, { selected_image_id: image }],
  ] as const) {
    const [status, answer] = await call(method, path, body);
    expect([status, answer.error.code]).toEqual([409, "conflict"]);
    expect(answer.error.message).toBe(
      "The image is not of this step; choose one of its alternatives.",
    );
  }
});
