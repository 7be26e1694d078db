import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { factorOf } from "#api/modules/generation/enlarge";
import { events } from "#db/schema/events";
import { sessions } from "#db/schema/sessions";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { makeGenerated } from "#tests/support/made-session";
import { speckled } from "#tests/support/painted-source";
import { insertModel, insertPhoto, unreceived } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";

const maxBatchSize = 4;
const api = await createTestApi({ MAX_BATCH_SIZE: String(maxBatchSize) });
const { db } = api.deps.database;
afterAll(() => api.close());

const model = await insertModel(db);
const upscaler = { type: "spandrel_image_to_image", base: "any", accepts: null, defaults: null };
const photoId = (await upload(api, formOf([{ bytes: await speckled(96, 80) }]))).body["id"];
const upscale = (body: Body, headers = {}): Promise<Response> =>
  api.postJson(`/api/v1/photos/${photoId}/upscale`, body, headers);
const faultsOf = (answer: Body): string[] =>
  (answer.error?.details?.errors ?? []).map(({ path }: Body) => path);

test("without an upscaling model a request says what to install", async () => {
  const response = await upscale({ scale: 2 });
  const { error } = (await response.json()) as Body;
  expect([response.status, error.code]).toEqual([400, "invokeai_model_error"]);
  expect(error.message).toContain("Install an upscaling model");
});

test("a photo is enlarged by a factor or to a length, once per Idempotency-Key", async () => {
  const four = await insertModel(db, { name: "4x Bright", ...upscaler });
  const two = await insertModel(db, { name: "RealESRGAN_x2plus", ...upscaler });
  const key = { "idempotency-key": "once" };
  const [first, again] = [await upscale({ scale: 2.5 }, key), await upscale({ scale: 2.5 }, key)];
  expect([first.status, again.status]).toEqual([202, 202]);
  const { session, step } = (await first.json()) as Body;
  expect(((await again.json()) as Body).step.id).toBe(step.id);
  expect(session).toMatchObject({ entry_type: "refinement", source_image_id: photoId });
  expect(step).toMatchObject({ model_key: four.key, source_image_id: photoId, batch_size: 1 });
  expect(step.parameters).toMatchObject({ width: 96, height: 80, upscale: { scale: 2.5 } });
  const byLength = (await (await upscale({ to: 101 })).json()) as Body;
  const { scale } = byLength.step.parameters.upscale;
  expect(Math.floor(96 * scale)).toBe(101);

  const before = await db.$count(steps);
  for (const body of [
    {},
    { scale: 2, to: 200 },
    { scale: 1 },
    { scale: 4.1 },
    { to: 96 },
    { to: 385 },
    { scale: 3, model_key: two.key },
    { scale: 2, model_key: "unknown" },
    { scale: "2" },
  ]) {
    const response = await upscale(body);
    expect([body, response.status]).toEqual([body, 400]);
  }
  expect(await db.$count(steps)).toBe(before);
});

test("a photo that is gone or in the trash is not enlarged", async () => {
  const response = await api.postJson(`/api/v1/photos/${crypto.randomUUID()}/upscale`, {
    scale: 2,
  });
  expect(response.status).toBe(404);
  const { body } = await upload(api, formOf([{ bytes: await speckled(64, 64) }]));
  await api.request(`/api/v1/photos/${body["id"]}`, { method: "DELETE" });
  const trashed = await api.postJson(`/api/v1/photos/${body["id"]}/upscale`, { scale: 2 });
  expect(trashed.status).toBe(409);
});

test("the factor of a model is read from its name, and usually 4", () => {
  const names = ["4x-UltraSharp", "RealESRGAN_x2plus", "SwinIR", "2xNomos", "model_8x", "x4"];
  expect(names.map((name) => factorOf({ name }))).toEqual([4, 2, 4, 2, 8, 4]);
});

describe("several photos at once", () => {
  beforeAll(async () => void (await insertModel(db, { name: "4x Clear", ...upscaler })));
  const enlarge = (body: Body) => api.call("POST", "/photos/batch/upscale", body);

  test("are one step with a slot for each, with its own size, scale and prompt", async () => {
    const wide = await insertPhoto(db, { width: 200, height: 50 });
    const drawn = await insertPhoto(db, {
      kind: "generated",
      width: 128,
      height: 160,
      generation: { prompt: "a boat" },
    });
    const ids = [wide.id, drawn.id, wide.id.toUpperCase(), photoId];
    const [status, { session, step }] = await enlarge({ ids, to: 300 });
    expect(status).toBe(202);
    expect(session).toMatchObject({ entry_type: "scratch", status: "active" });
    expect(step).toMatchObject({ batch_size: 3, prompt: "", seeds: [0, 1, 2] });
    expect(step.source_image_id).toBeUndefined();
    expect(step.parameters.upscale).toBeUndefined();
    expect(step.pictures).toMatchObject([
      { image_id: wide.id, width: 200, height: 50 },
      { image_id: drawn.id, width: 128, height: 160 },
      { image_id: photoId, width: 96, height: 80 },
    ]);
    const longest = step.pictures.map((made: Body) =>
      Math.floor(Math.max(made.width, made.height) * made.scale),
    );
    expect(longest).toEqual([300, 300, 300]);
    const rows = await db
      .select()
      .from(slots)
      .where(eq(slots.stepId, step.id))
      .orderBy(slots.index);
    expect(rows.map(({ prompt }) => prompt)).toEqual(["", "a boat", ""]);
    const [, listed] = await api.call("GET", `/generation/steps/${step.id}`);
    expect(listed.pictures).toEqual(step.pictures);
  });

  test("leave a node when they are permanently deleted, so that the lineage of their image is whole", async () => {
    const { body } = await upload(api, formOf([{ bytes: await speckled(70, 64) }]));
    const [, { step }] = await enlarge({ ids: [photoId, body["id"]], scale: 2 });
    const path = `/api/v1/photos/${body["id"]}?permanent=true`;
    expect((await api.request(path, { method: "DELETE" })).ok).toBe(true);
    const [, after] = await api.call("GET", `/generation/steps/${step.id}`);
    expect(after.pictures).toEqual(step.pictures);
  });

  test("are refused as a whole, and nothing is written", async () => {
    const trashed = await insertPhoto(db, { deletedAt: new Date() });
    const small = await insertPhoto(db, { width: 64, height: 64 });
    const huge = await insertPhoto(db, { width: 6_000, height: 10 });
    const pending = await insertPhoto(db, { ...unreceived, retrievalStatus: "pending" });
    const unknown = crypto.randomUUID();
    const others = Array.from({ length: maxBatchSize + 1 }, () => crypto.randomUUID());
    const before = [await db.$count(sessions), await db.$count(slots)];
    for (const [body, status, paths] of [
      [{ ids: [], scale: 2 }, 400, ["ids"]],
      [{ ids: others, scale: 2 }, 400, ["ids"]],
      [{ ids: ["none"], scale: 2 }, 400, ["ids.0"]],
      [{ ids: [photoId] }, 400, ["scale"]],
      [{ ids: [photoId], scale: 2, to: 200 }, 400, ["scale"]],
      [{ ids: [photoId, small.id], to: 300 }, 400, ["ids.1"]],
      [{ ids: [photoId, huge.id], scale: 2 }, 400, ["ids.1"]],
      [{ ids: [photoId, small.id], scale: 9 }, 400, ["ids.0", "ids.1"]],
      [{ ids: [photoId, unknown], scale: 2 }, 404, []],
      [{ ids: [photoId, trashed.id], scale: 2 }, 409, []],
      [{ ids: [photoId, pending.id], scale: 2 }, 409, []],
      [{ ids: [photoId], scale: 2, model_key: "unknown" }, 400, []],
      [{ ids: [photoId], scale: 2, creativity: 1 }, 400, ["creativity"]],
    ] as const) {
      const [answered, answer] = await enlarge(body);
      expect([body, answered, faultsOf(answer)]).toEqual([body, status, [...paths]]);
    }
    const [, { error }] = await enlarge({ ids: [photoId, unknown], scale: 2 });
    expect(error.details.path).toBe("ids.1");
    expect([await db.$count(sessions), await db.$count(slots)]).toEqual(before);
  });
});

describe("selecting an image with finish", () => {
  beforeAll(async () => void (await insertModel(db, { name: "4x Dear", ...upscaler })));

  async function makeImage(size = { width: 96, height: 64 }) {
    const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
    const [, step] = await api.call("POST", `/generation/sessions/${session.id}/steps`, {
      prompt: "a boat",
      parameters: { model_key: model.key },
      priority: "idle",
    });
    const image = await makeGenerated(api, {
      sessionId: session.id,
      stepId: step.id,
      slotIndex: 0,
      generation: { prompt: "a boat" },
      ...size,
    });
    const select = (body: Body) =>
      api.call("POST", `/generation/steps/${step.id}/select`, { image_id: image, ...body });
    return { session, step, image, select };
  }

  test("requests one step that enlarges it, however often it is repeated", async () => {
    const { session, step, image, select } = await makeImage();
    const [status, selected] = await select({ finish: "upscale", scale: 2 });
    expect([status, selected.selected_image_id]).toEqual([200, image]);
    const [, finishing] = await api.call("GET", `/generation/steps/${selected.finishing_step_id}`);
    expect(finishing).toMatchObject({
      session_id: session.id,
      parent_id: step.id,
      source_image_id: image,
      prompt: "a boat",
      position: 2,
      parameters: { width: 96, height: 64, upscale: { scale: 2 } },
    });
    for (const body of [{ finish: "upscale", scale: 2 }, { finish: "upscale" }]) {
      const [again, repeated] = await select(body);
      expect([again, repeated.finishing_step_id]).toEqual([200, finishing.id]);
    }
    expect(await db.$count(steps, eq(steps.sessionId, session.id))).toBe(2);
    const sent = await db.select().from(events).where(eq(events.sessionId, session.id));
    const types = sent.map(({ type }) => type);
    expect(types.filter((type) => type === "step.selected")).toHaveLength(1);
    expect(types.filter((type) => type === "step.requested")).toHaveLength(2);
  });

  test("notifies the session's workflow again when it is repeated, as the first signal may be lost", async () => {
    const { select } = await makeImage();
    const [, { finishing_step_id: id }] = await select({ finish: "upscale" });
    const notified = () => api.temporal.calls.filter((call) => call.includes(id)).length;
    const before = notified();
    await select({ finish: "upscale" });
    expect([before, notified()]).toEqual([1, 2]);
  });

  test("makes it as large as model and limit allow, unless it says how large", async () => {
    const scaleOf = async (size: { width: number; height: number }) => {
      const { select } = await makeImage(size);
      const [, { finishing_step_id: id }] = await select({ finish: "upscale" });
      const [, { parameters }] = await api.call("GET", `/generation/steps/${id}`);
      return Math.floor(Math.max(size.width, size.height) * parameters.upscale.scale);
    };
    expect(await scaleOf({ width: 1_024, height: 768 })).toBe(4_096);
    expect(await scaleOf({ width: 768, height: 4_096 })).toBe(8_192);
  });

  test("is refused as a whole: nothing is selected, nothing is requested", async () => {
    const { session, step, select } = await makeImage();
    const tooLarge = await makeImage({ width: 8_192, height: 64 });
    for (const body of [
      { finish: "print" },
      { scale: 2 },
      { to: 200 },
      { model_key: "any" },
      { finish: "upscale", scale: 2, to: 300 },
      { finish: "upscale", scale: 9 },
      { finish: "upscale", model_key: "unknown" },
    ]) {
      const [status] = await select(body);
      expect([body, status]).toEqual([body, 400]);
    }
    expect((await tooLarge.select({ finish: "upscale" }))[0]).toBe(400);
    const [, after] = await api.call("GET", `/generation/steps/${step.id}`);
    expect(after.selected_image_id).toBeUndefined();
    expect(await db.$count(steps, eq(steps.sessionId, session.id))).toBe(1);
  });
});

describe("with creativity", () => {
  const part = { accepts: null, defaults: null };

  test("an enlarged photo is painted again with a model that has a ControlNet for tiles", async () => {
    await insertModel(db, { name: "4x Early", ...upscaler });
    const before = await db.$count(steps);
    const lacking = await upscale({ scale: 2, creativity: 0.5 });
    const { error } = (await lacking.json()) as Body;
    expect([lacking.status, error.code]).toEqual([400, "invokeai_model_error"]);
    expect(error.message).toContain('a ControlNet with "tile" in its name');
    await insertModel(db, { type: "controlnet", base: "sd-1", name: "Canny", ...part });
    expect((await upscale({ scale: 2, creativity: 0.5 })).status).toBe(400);
    expect(await db.$count(steps)).toBe(before);

    const xl = await insertModel(db, { base: "sdxl", name: "A Wide One" });
    const tiles = await insertModel(db, {
      type: "controlnet",
      base: "sd-1",
      name: "Tile",
      ...part,
    });
    const { step } = (await (await upscale({ scale: 2, creativity: 0.5 })).json()) as Body;
    expect(step.parameters).toMatchObject({
      steps: 20,
      cfg_scale: 2,
      scheduler: "kdpm_2",
      upscale: {
        scale: 2,
        creativity: 0.5,
        main_model_key: model.key,
        control_model_key: tiles.key,
      },
    });
    for (const body of [
      { scale: 2, creativity: 0 },
      { scale: 2, creativity: 1.1 },
      { scale: 2, main_model_key: model.key },
      { scale: 2, creativity: 0.5, main_model_key: "unknown" },
      { scale: 2, creativity: 0.5, main_model_key: xl.key },
      { creativity: 0.5 },
    ]) {
      expect([body, (await upscale(body)).status]).toEqual([body, 400]);
    }
    const { id: narrow } = await insertPhoto(db, { width: 400, height: 31 });
    const body = { scale: 2, creativity: 0.5 };
    const [status, answer] = await api.call("POST", `/photos/${narrow}/upscale`, body);
    expect([status, faultsOf(answer)]).toEqual([400, ["creativity"]]);
    expect(await db.$count(steps)).toBe(before + 1);
  });
});
