import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import type { GenerationMetadata } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi({ MAX_BATCH_SIZE: "4" });
const { db } = api.deps.database;
const model = await insertModel(db, { name: "Dreamy 8" });
const vae = await insertModel(db, { name: "Soft", type: "vae", defaults: null, accepts: null });
const lora = await insertModel(db, { name: "Ink", type: "lora", defaults: null, accepts: null });

afterAll(() => api.close());
beforeEach(() => void (api.temporal.calls.length = 0));

async function vary(photoId: string, body: object = {}, headers: Record<string, string> = {}) {
  const path = `/api/v1/photos/${photoId}/variations`;
  const response = await api.postJson(path, body, headers);
  return { status: response.status, body: (await response.json()) as Body };
}

async function accepted(photoId: string, body: object = {}): Promise<Body> {
  const answer = await vary(photoId, body);
  expect(answer).toMatchObject({ status: 202 });
  return answer.body;
}

/** A photo generated here, with every parameter recorded. */
async function insertGenerated(made: GenerationMetadata = {}, sourceImageId?: string) {
  return insertPhoto(db, {
    kind: "generated",
    ...(sourceImageId !== undefined && { sourceImageId }),
    generation: {
      prompt: "a harbour <lora:ink:1>",
      negativePrompt: "fog",
      modelKey: model.key,
      modelHash: model.hash,
      modelName: model.name,
      seed: 77,
      steps: 12,
      cfgScale: 5.5,
      scheduler: "ddim",
      width: 256,
      height: 320,
      vaeKey: vae.key,
      clipSkip: 2,
      loras: [{ modelKey: lora.key, weight: 0.5 }],
      ...made,
    },
  });
}

describe("a variation of a photo that was generated here", () => {
  test("recalls every parameter, with new seeds, and notifies the workflow", async () => {
    const photo = await insertGenerated();
    const { session, step } = await accepted(photo.id, { count: 3 });
    expect(session).toMatchObject({
      entry_type: "refinement",
      source_image_id: photo.id,
      status: "active",
      steps_count: 1,
    });
    expect(step).toMatchObject({
      session_id: session.id,
      status: "pending",
      prompt: "a harbour <lora:ink:1>",
      negative_prompt: "fog",
      model_key: model.key,
      batch_size: 3,
      position: 1,
      parameters: {
        steps: 12,
        cfg_scale: 5.5,
        scheduler: "ddim",
        width: 256,
        height: 320,
        vae_key: vae.key,
        clip_skip: 2,
        loras: [{ model_key: lora.key, weight: 0.5 }],
      },
    });
    expect(step.source_image_id).toBeUndefined();
    expect(step.parameters.strength).toBeUndefined();
    expect(step.seeds[0]).not.toBe(77);
    expect(api.temporal.calls).toEqual([["stepRequested", session.id, step.id]]);
  });

  test("begins its seeds at same_seed or seed, and takes every other field of the body", async () => {
    const photo = await insertGenerated();
    expect((await accepted(photo.id, { same_seed: true, count: 2 })).step.seeds).toEqual([77, 78]);
    const { step } = await accepted(photo.id, {
      seed: 5,
      prompt: "a lighthouse",
      negative_prompt: null,
      parameters: { steps: 9, loras: [], vae_key: null, scheduler: "euler" },
    });
    expect(step).toMatchObject({ prompt: "a lighthouse", seeds: [5] });
    expect(step.negative_prompt).toBeUndefined();
    expect(step.parameters).toMatchObject({ steps: 9, scheduler: "euler", width: 256 });
    expect(step.parameters.loras).toBeUndefined();
    expect(step.parameters.vae_key).toBeUndefined();
  });

  test("is image to image from the same source with the same strength, if the photo was", async () => {
    const source = await insertPhoto(db);
    const photo = await insertGenerated({ strength: 0.4 }, source.id);
    const { session, step } = await accepted(photo.id);
    expect(session.source_image_id).toBe(photo.id);
    expect(step).toMatchObject({ source_image_id: source.id, parameters: { strength: 0.4 } });

    await api.request(`/api/v1/photos/${source.id}`, { method: "DELETE" });
    expect((await vary(photo.id)).status).toBe(409);
    await api.request(`/api/v1/photos/${source.id}?permanent=true`, { method: "DELETE" });
    const gone = await vary(photo.id);
    expect(gone.status).toBe(409);
    expect(gone.body.error.message).toContain("deleted for good");
  });

  test("with a model of another base recalls only prompts, and omits what that model does not accept", async () => {
    const other = await insertModel(db, {
      base: "flux",
      accepts: { ...model.accepts!, negativePrompt: false, maxClipSkip: 0 },
    });
    const photo = await insertGenerated();
    const { step } = await accepted(photo.id, { parameters: { model_key: other.key } });
    expect(step.parameters).toMatchObject({ width: 512, steps: 20, scheduler: "euler" });
    expect(step.negative_prompt).toBeUndefined();
    expect(step.parameters.clip_skip).toBeUndefined();
    expect(step.parameters.loras).toBeUndefined();
    const refused = await vary(photo.id, {
      parameters: { model_key: other.key, clip_skip: 1, width: 3 },
    });
    expect(refused.status).toBe(400);
    expect(refused.body.error.details.errors.map((fault: Body) => fault.path)).toEqual([
      "parameters.width",
      "parameters.clip_skip",
    ]);
  });

  test("finds the model by its hash if InvokeAI gave it another key", async () => {
    const again = await insertModel(db, { hash: "blake3:moved" });
    const photo = await insertGenerated({ modelKey: "old", modelHash: "blake3:moved" });
    expect((await accepted(photo.id)).step.model_key).toBe(again.key);
  });

  test("has an edge of kind variation in the lineage", async () => {
    const photo = await insertGenerated();
    const { session, step } = await accepted(photo.id);
    const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
    const made = await insertPhoto(db, {
      kind: "generated",
      sessionId: session.id,
      stepId: step.id,
      slotIndex: 0,
      sourceImageId: row!.sourceImageId,
      generation: { ...photo.generation, seed: 1, steps: 30 },
    });
    const tree: Body = await (await api.request(`/api/v1/photos/${made.id}/lineage`)).json();
    expect(tree.edges).toEqual([
      {
        from: photo.id,
        to: made.id,
        kind: "variation",
        changed: { seed: [77, 1], steps: [12, 30] },
      },
    ]);
  });
});

describe("a variation of an upload with recorded parameters", () => {
  const upload = (generation: GenerationMetadata) => insertPhoto(db, { generation });

  test("recalls its parameters, as far as InvokeAI has the models", async () => {
    const photo = await upload({
      prompt: "ships, <lora:ink:0.8> <lora:unknown:1>",
      negativePrompt: "people",
      modelName: "dreamy_8.safetensors",
      modelHash: "abcdef1234",
      seed: 9,
      steps: 25,
      cfgScale: 6,
      scheduler: "Restart Karras",
      width: 333,
      height: 512,
      strength: 0.6,
      loras: [
        { name: "ink", weight: 0.8 },
        { name: "unknown", weight: 1 },
      ],
    });
    const { step } = await accepted(photo.id, { same_seed: true });
    expect(step).toMatchObject({
      prompt: "ships, <lora:unknown:1>",
      negative_prompt: "people",
      model_key: model.key,
      seeds: [9],
      parameters: { steps: 25, cfg_scale: 6, scheduler: "euler", width: 512, height: 512 },
    });
    expect(step.parameters.loras).toEqual([{ model_key: lora.key, weight: 0.8 }]);
    expect(step.source_image_id).toBeUndefined();
  });

  test("is refused if InvokeAI does not have its model, and says what to send instead", async () => {
    const photo = await upload({ prompt: "ships", modelName: "never seen" });
    const { status, body } = await vary(photo.id);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      code: "invokeai_model_error",
      details: { path: "parameters.model_key", model_name: "never seen" },
    });
    expect(body.error.message).toContain("parameters.model_key");
    const named = { parameters: { model_key: model.key } };
    expect((await accepted(photo.id, named)).step.model_key).toBe(model.key);
  });

  test("is refused if two models have the recorded name", async () => {
    await insertModel(db, { name: "Twin" });
    await insertModel(db, { name: "twin", base: "sdxl" });
    const photo = await upload({ prompt: "ships", modelName: "Twin" });
    expect((await vary(photo.id)).body.error.message).toContain("several models");
  });

  test("refuses same_seed if InvokeAI does not accept the seed", async () => {
    const photo = await upload({ prompt: "ships", modelKey: model.key, seed: 2 ** 40 });
    const { status, body } = await vary(photo.id, { same_seed: true });
    expect(status).toBe(400);
    expect(body.error.details.errors[0].path).toBe("same_seed");
    await accepted(photo.id);
  });
});

describe("a variation of a photo without recorded parameters", () => {
  test("has the photo as its source, keeps its aspect ratio, and needs a prompt", async () => {
    const photo = await insertPhoto(db, { width: 3000, height: 2000 });
    const without = await vary(photo.id);
    expect(without.status).toBe(400);
    expect(without.body.error.details.errors[0].path).toBe("prompt");
    const { session, step } = await accepted(photo.id, {
      prompt: "as a woodcut",
      parameters: { model_key: model.key },
    });
    expect(session.source_image_id).toBe(photo.id);
    expect(step.source_image_id).toBe(photo.id);
    expect(step.parameters).toMatchObject({ strength: 0.75, width: 624, height: 416 });
    // Without a model in the request, the one used last is used.
    expect((await accepted(photo.id, { prompt: "again" })).step.model_key).toBe(model.key);
  });
});

test("a refused variation says why, and leaves no session behind", async () => {
  const photo = await insertGenerated();
  const before = await db.$count(sessions);
  expect((await vary(crypto.randomUUID())).status).toBe(404);
  expect((await vary(photo.id, { seed: 1, same_seed: true })).status).toBe(400);
  for (const count of [0, -1, 5]) {
    const { details } = (await vary(photo.id, { count })).body.error;
    expect(details.errors).toEqual([{ path: "count", message: "a whole number from 1 to 4" }]);
  }
  expect((await vary(photo.id, { parameters: { steps: 0 } })).status).toBe(400);
  expect((await vary(photo.id, { parameters: { seed: 1 } })).status).toBe(400);
  await api.request(`/api/v1/photos/${photo.id}`, { method: "DELETE" });
  expect((await vary(photo.id)).status).toBe(409);
  await api.request(`/api/v1/photos/${photo.id}?permanent=true`, { method: "DELETE" });
  expect((await vary(photo.id)).status).toBe(404);
  expect(await db.$count(sessions)).toBe(before);
});

test("a repeated Idempotency-Key gets the same session and step; the body may be omitted", async () => {
  const photo = await insertGenerated();
  const key = { "idempotency-key": "like-this" };
  const [first, second] = await Promise.all([vary(photo.id, {}, key), vary(photo.id, {}, key)]);
  expect(first.status).toBe(202);
  expect(second).toEqual(first);
  expect((await vary(photo.id, { count: 2 }, key)).status).toBe(409);
  const bare = await api.request(`/api/v1/photos/${photo.id}/variations`, { method: "POST" });
  expect(bare.status).toBe(202);
});
