import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { baseFacts, factsOf } from "#activities/adapters/invokeai/bases";
import { type Model, modelPlaces } from "#db/schema/models";
import { slots } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { insertModel } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const post = (path: string, body: object) => api.call("POST", `/generation${path}`, body);

/** A main model of a base, as the worker would write it. */
async function insertMain(base: string, overrides: Partial<Model> = {}): Promise<Model> {
  const facts = factsOf({ base, variant: overrides.variant ?? null });
  if (!facts) throw new Error(`nothing is known of ${base}`);
  const defaults = { ...facts.defaults, own: [...(facts.own ?? [])] };
  return insertModel(db, { base, accepts: facts.accepts, defaults, ...overrides });
}

const insertPart = (type: string, base: string, overrides: Partial<Model> = {}) =>
  insertModel(db, { type, base, accepts: null, defaults: null, ...overrides });

async function requestStep(parameters: object, rest: object = {}): Promise<[number, Body]> {
  const [, session] = await post("/sessions", { entry_type: "scratch" });
  return post(`/sessions/${session.id}/steps`, { prompt: "a lighthouse", parameters, ...rest });
}

const faultsOf = (answer: Body) => answer.error.details.errors.map((fault: Body) => fault.path);

describe("parameters that a base does not support are refused before anything is queued", () => {
  const pairs = Object.entries(baseFacts).flatMap(([base, { accepts }]) =>
    (
      [
        ["guidance", 21],
        ["guidance", accepts.guidance ? 0.5 : 4],
        ["clip_skip", accepts.maxClipSkip + 1],
        ["cfg_scale", accepts.cfgScale ? 201 : 7],
        ["scheduler", accepts.schedulers.includes("ddim") ? "unknown" : "ddim"],
        ["width", 1024 + accepts.sizeMultiple / 2],
        ["width", accepts.maxSize + accepts.sizeMultiple],
        ["steps", 501],
      ] as const
    ).map(([name, value]): [string, Record<string, unknown>, string] => [
      base,
      { [name]: value },
      name,
    ]),
  );
  test.each(pairs)("%s: %j", async (base, parameters, name) => {
    const model = await insertMain(base);
    for (const { type, base: of } of model.accepts?.needs ?? []) await insertPart(type, of);
    const [status, answer] = await requestStep({ model_key: model.key, ...parameters });
    expect([status, faultsOf(answer)]).toEqual([400, [`parameters.${name}`]]);
  });

  test.each(["sd-3", "cogview4"])("%s: LoRAs", async (base) => {
    const model = await insertMain(base);
    const lora = await insertPart("lora", base);
    const loras = [{ model_key: lora.key, weight: 1 }];
    const [status, answer] = await requestStep({ model_key: model.key, loras });
    expect([status, faultsOf(answer)]).toEqual([400, ["parameters.loras"]]);
  });

  test.each(["z-image", "qwen-image"])(
    "%s: a negative prompt without guidance, but not with it",
    async (base) => {
      const { key: model_key } = await insertMain(base);
      const unwanted = { negative_prompt: "blurred" };
      const [status, answer] = await requestStep({ model_key, cfg_scale: 1 }, unwanted);
      expect([status, faultsOf(answer)]).toEqual([400, ["negative_prompt"]]);
      expect((await requestStep({ model_key, cfg_scale: 4 }, unwanted))[0]).toBe(202);
    },
  );

  test("flux: a negative prompt, but not an empty one", async () => {
    const { key } = await insertMain("flux", { variant: "schnell" });
    for (const [type, base] of [
      ["t5_encoder", "any"],
      ["clip_embed", "any"],
      ["vae", "flux"],
    ] as const) {
      await insertPart(type, base);
    }
    const [status, answer] = await requestStep({ model_key: key }, { negative_prompt: "blurred" });
    expect([status, faultsOf(answer)]).toEqual([400, ["negative_prompt"]]);
    const [accepted, step] = await requestStep({ model_key: key }, { negative_prompt: "" });
    expect(accepted).toBe(202);
    expect(step.parameters).toMatchObject({ steps: 4, cfg_scale: 1, scheduler: "euler" });
    expect(step.parameters.guidance).toBeUndefined();
  });

  test("an unsupported base", async () => {
    const other = await insertPart("main", "wan");
    const before = await db.select().from(slots);
    const [status, { error }] = await requestStep({ model_key: other.key });
    expect([status, error.code]).toEqual([400, "invokeai_model_error"]);
    expect(await db.select().from(slots)).toEqual(before);
  });
});

describe("FLUX", () => {
  test("uses the available encoders and VAE, and returns which", async () => {
    await db.delete(modelPlaces);
    const main = await insertMain("flux", { variant: "dev" });
    const missing = async () => (await requestStep({ model_key: main.key }))[1].error;
    expect(await missing()).toMatchObject({
      code: "invokeai_model_error",
      message: expect.stringMatching(/T5 text encoder.*CLIP text encoder.*VAE for flux/),
    });

    const t5 = await insertPart("t5_encoder", "any");
    await insertPart("clip_embed", "any", { name: "A CLIP-G", variant: "gigantic" });
    await insertPart("vae", "sdxl");
    expect((await missing()).message).not.toContain("T5");
    expect((await missing()).message).toContain("CLIP-L");

    const clip = await insertPart("clip_embed", "any", { name: "CLIP-L", variant: "large" });
    const vae = await insertPart("vae", "flux");
    const own = await insertPart("vae", "flux", { name: "Z" });
    const [status, step] = await requestStep({ model_key: main.key, cfg_scale: 1 });
    expect(status).toBe(202);
    expect(step.parameters).toMatchObject({
      width: 1024,
      cfg_scale: 1,
      guidance: 4,
      t5_encoder_key: t5.key,
      clip_embed_key: clip.key,
      vae_key: vae.key,
    });
    const [, chosen] = await requestStep({ model_key: main.key, vae_key: own.key, guidance: 2.5 });
    expect(chosen.parameters).toMatchObject({ vae_key: own.key, guidance: 2.5 });
  });
});

test("a model with a new key is found by its old key, and by its hash if the key is from another server", async () => {
  const old = await insertMain("sdxl", { isAvailable: false });
  const lora = await insertPart("lora", "sdxl", { isAvailable: false });
  const again = await insertMain("sdxl", { hash: old.hash });
  const loraAgain = await insertPart("lora", "sdxl", { hash: lora.hash });
  const loras = [{ model_key: lora.key, weight: 0.5 }];
  for (const named of [
    { model_key: old.key, loras },
    { model_key: "of another server", model_hash: old.hash, loras },
  ]) {
    const [status, step] = await requestStep(named);
    expect(status).toBe(202);
    expect(step).toMatchObject({ model_key: again.key, model_hash: old.hash });
    expect(step.parameters.loras).toEqual([{ model_key: loraAgain.key, weight: 0.5 }]);
  }
  await db.delete(modelPlaces).where(eq(modelPlaces.key, again.key));
  const [status, { error }] = await requestStep({ model_key: old.key });
  expect([status, error.code]).toEqual([400, "invokeai_model_error"]);
});
