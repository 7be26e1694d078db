import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { eq } from "drizzle-orm";
import { putInForce } from "#db/queries/backends/in-force";
import { backends } from "#db/schema/backends";
import { type Body, createTestApi, type TestApi } from "#tests/support/api";
import { insertModel } from "#tests/support/rows";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const keysOf = (list: Body) => list.items.map((model: Body) => model.key);

test("models that InvokeAI no longer has can be filtered out and deleted", async () => {
  const { db } = api.deps.database;
  const [here, gone] = await Promise.all([
    insertModel(db, { name: "Heron here" }),
    insertModel(db, { name: "Heron gone", isAvailable: false }),
  ]);
  expect(keysOf((await api.call("GET", "/models?q=heron"))[1])).toEqual([gone.key, here.key]);
  expect(keysOf((await api.call("GET", "/models?q=heron&available=true"))[1])).toEqual([here.key]);
  expect(keysOf((await api.call("GET", "/models?q=heron&available=false"))[1])).toEqual([gone.key]);

  const [status, body] = await api.call("DELETE", `/models/${here.key}`);
  expect([status, body.error.code]).toEqual([409, "conflict"]);
  expect((await api.call("DELETE", `/models/${gone.key}`))[0]).toBe(204);
  expect((await api.call("DELETE", `/models/${gone.key}`))[0]).toBe(404);
  expect(keysOf((await api.call("GET", "/models?q=heron"))[1])).toEqual([here.key]);
});

test("models are those of the place in force; one that another place has is not deleted", async () => {
  const { db } = api.deps.database;
  const put = (place: string) => db.transaction((tx) => putInForce(tx, place));
  const { key } = await insertModel(db, { name: "Crane" });
  await db.update(backends).set({ modelsSyncedAt: new Date() }).where(eq(backends.ref, "local"));
  const crane = async () => (await api.call("GET", "/models?q=crane"))[1];
  expect(await crane()).toMatchObject({
    items: [{ key, is_available: true }],
    last_updated: expect.any(String),
  });
  await put("remote");
  expect(await crane()).toMatchObject({
    items: [{ key, is_available: false }],
    last_updated: null,
  });
  expect((await api.call("DELETE", `/models/${key}`))[0]).toBe(409);
  await put("local");
  expect(await crane()).toMatchObject({ items: [{ key, is_available: true }] });
});

test("a refresh while no GPU runs is refused with the reason, and says that it rents none", async () => {
  const { temporal } = api;
  using _ = spyOn(temporal, "refreshModels").mockResolvedValue({ away: "No GPU is rented." });
  const [status, { error }] = await api.call("POST", "/models/refresh");
  expect([status, error.code]).toEqual([409, "pod_error"]);
  expect(error.message).toStartWith("No GPU is rented. Models can be read only while a GPU");
});

const accepts = {
  sizeMultiple: 8,
  minSize: 64,
  maxSize: 2048,
  schedulers: ["euler", "pndm"],
  minSteps: { pndm: 4 },
  negativePrompt: true,
  maxClipSkip: 24,
  guidance: false,
};

test("the bases of available models list the parameters that a step accepts", async () => {
  await insertModel(api.deps.database.db, { base: "sd-2", variant: "normal", accepts });
  await insertModel(api.deps.database.db, { base: "sd-2", variant: "normal", accepts });
  await insertModel(api.deps.database.db, { base: "sd-3", accepts, isAvailable: false });
  await insertModel(api.deps.database.db, { base: "wan", accepts: null, defaults: null });
  const [status, list] = await api.call("GET", "/generation/bases");
  expect(status).toBe(200);
  const ofBase = (base: string) => list.items.filter((item: Body) => item.base === base);
  expect(ofBase("sd-2")).toEqual([
    {
      base: "sd-2",
      variant: "normal",
      schedulers: [
        { name: "euler", min_steps: 1 },
        { name: "pndm", min_steps: 4 },
      ],
      size: { multiple_of: 8, min: 64, max: 2048 },
      cfg_scale: true,
      negative_prompt: true,
      negative_prompt_needs_cfg: false,
      image_to_image: true,
      inpaint: false,
      parts_only: false,
      hires: false,
      loras: true,
      max_clip_skip: 24,
      guidance: false,
      max_steps: 500,
    },
  ]);
  expect([...ofBase("sd-3"), ...ofBase("wan")]).toEqual([]);
});

test("too few steps for a scheduler are refused before anything is queued", async () => {
  const model = await insertModel(api.deps.database.db, { accepts });
  const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  const ask = (scheduler: string, steps: number) =>
    api.call("POST", `/generation/sessions/${session.id}/steps`, {
      prompt: "a boat",
      parameters: { model_key: model.key, scheduler, steps },
    });
  const [status, body] = await ask("pndm", 3);
  expect([status, body.error.code]).toEqual([400, "validation_error"]);
  expect(body.error.details.errors).toEqual([
    { path: "parameters.steps", message: "at least 4 with the scheduler pndm" },
  ]);
  expect((await ask("pndm", 4))[0]).toBe(202);
  expect((await ask("euler", 1))[0]).toBe(202);
});
