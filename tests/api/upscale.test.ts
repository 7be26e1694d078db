import { afterAll, expect, test } from "bun:test";
import { steps } from "#db/schema/steps";
import { factorOf } from "#api/modules/generation/upscale";
import { type Body, createTestApi } from "#tests/support/api";
import { speckled } from "#tests/support/painted-source";
import { insertModel } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const photoId = (await upload(api, formOf([{ bytes: await speckled(96, 80) }]))).body["id"];
const upscale = (body: Body, headers = {}): Promise<Response> =>
  api.postJson(`/api/v1/photos/${photoId}/upscale`, body, headers);

test("without an upscaling model a request says what to install", async () => {
  const response = await upscale({ scale: 2 });
  const { error } = (await response.json()) as Body;
  expect([response.status, error.code]).toEqual([400, "invokeai_model_error"]);
  expect(error.message).toContain("Install an upscaling model");
});

test("a photo is enlarged by a factor or to a length, once per Idempotency-Key", async () => {
  const other = { type: "spandrel_image_to_image", base: "any", accepts: null, defaults: null };
  const four = await insertModel(db, { name: "4x Clear", ...other });
  const two = await insertModel(db, { name: "RealESRGAN_x2plus", ...other });
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
