import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { parametersBody } from "#api/modules/generation/parameters-model";
import { type BaseFacts, factsOf } from "#activities/adapters/invokeai/bases";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { backends } from "#db/schema/backends";
import { type Model, modelPlaces } from "#db/schema/models";
import { sessions } from "#db/schema/sessions";
import { slots } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { companions, type NeededModel } from "#generation-parameters";
import { everyMain, mainOf, takesSource } from "#tests/support/graph-parts";
import { insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const post = (path: string, body: object) => api.call("POST", `/generation${path}`, body);

/** A main model of a base, as the worker would write it. */
async function insertMain(
  main: string | MainModel,
  overrides: Partial<Model> = {},
): Promise<Model> {
  const { base, variant, format, name } = typeof main === "string" ? mainOf(main) : main;
  const facts = factsOf({ base, variant, format, name });
  if (!facts) throw new Error(`nothing is known of ${base}`);
  const defaults = { ...facts.defaults, own: [...(facts.own ?? [])] };
  const { accepts } = facts;
  return insertModel(db, { base, variant, format, name, accepts, defaults, ...overrides });
}

const insertPart = (type: string, base: string, overrides: Partial<Model> = {}) =>
  insertModel(db, { type, base, accepts: null, defaults: null, ...overrides });

let session: Body;

/** In one session for all: a refused request writes nothing. */
async function requestStep(parameters: object, rest: object = {}): Promise<[number, Body]> {
  session ??= (await post("/sessions", { entry_type: "scratch" }))[1];
  return post(`/sessions/${session.id}/steps`, { prompt: "a lighthouse", parameters, ...rest });
}

const faultsOf = (answer: Body) => answer.error.details.errors.map((fault: Body) => fault.path);

/** Everything that an alternative of what the model needs beside it consists of. */
async function insertCompanions(needed: readonly NeededModel[]): Promise<void> {
  for (const need of needed) {
    await insertPart(need.type, need.bases[0]!, {
      variant: need.variants?.[0] ?? null,
      format: need.formats?.[0] ?? "checkpoint",
    });
  }
}

/** Values of each parameter that a model with this `accepts` refuses. */
const refusedValues: Record<string, (accepts: BaseFacts["accepts"]) => unknown[]> = {
  model_hash: () => ["blake3:of another model"],
  vae_key: () => ["unknown", "of another base"],
  width: ({ sizeMultiple, maxSize }) => [1024 + sizeMultiple / 2, maxSize + sizeMultiple, 0],
  height: ({ sizeMultiple, maxSize }) => [1024 + sizeMultiple / 2, maxSize + sizeMultiple, 0],
  steps: ({ maxSteps = 500 }) => [maxSteps + 1, 0, 1.5],
  cfg_scale: ({ cfgScale }) => [cfgScale ? 201 : 7, 0.5],
  scheduler: ({ schedulers }) => [schedulers.includes("ddim") ? "V4_TURBO_12" : "ddim", "unknown"],
  batch_size: () => [0, 1.5],
  seed: () => [-1, 2 ** 32],
  // Without a source image these mean nothing to any base.
  strength: () => [0.5],
  mask_blur: () => [8],
  mask_fill: () => ["cv2", "unknown"],
  region: () => [{ x: 0, y: 0, width: 64, height: 64 }],
  expand: () => [{ left: 64 }, { left: -1 }],
  hires: ({ hires }) => [
    hires ? { scale: 1 } : { scale: 2 },
    { scale: 2, strength: 0 },
    { scale: 5 },
  ],
  loras: () => [[{ model_key: "of another base", weight: 1 }]],
  guidance: ({ guidance }) => [21, guidance === false ? 4 : 0.5],
  clip_skip: ({ maxClipSkip }) => [maxClipSkip + 1],
};

test("each parameter of a step has values that are refused", () => {
  const { model_key: _, ...others } = parametersBody.properties;
  expect(Object.keys(refusedValues).toSorted()).toEqual(Object.keys(others).toSorted());
});

/** A value of each parameter that means nothing to a model with this `accepts`. */
function meaninglessTo(accepts: BaseFacts["accepts"]): Record<string, unknown> {
  const { cfgScale, imageToImage, hires, loras, guidance, maxClipSkip, vaeBases } = accepts;
  return {
    ...(!cfgScale && { cfg_scale: 7 }),
    ...(!imageToImage && { strength: 0.5 }),
    ...(!hires && { hires: { scale: 2 } }),
    ...(!loras && { loras: [{ model_key: "any", weight: 1 }] }),
    ...(guidance === false && { guidance: 4 }),
    ...(maxClipSkip === 0 && { clip_skip: 1 }),
    ...(vaeBases.length === 0 && { vae_key: "any" }),
  };
}

describe("parameters that a base does not support are refused before anything is queued", () => {
  const pairs = everyMain.flatMap(([title, main]) =>
    Object.entries(refusedValues).map(([name, valuesOf]) => {
      const values = valuesOf(factsOf(main)!.accepts);
      return [title, name, main, values] as const;
    }),
  );
  const models = new Map<MainModel, Model>();
  beforeAll(async () => {
    await insertPart("vae", "sdxl-refiner", { key: "of another base" });
    for (const [, main] of everyMain) {
      const model = await insertMain(main);
      await insertCompanions(model.accepts!.companions![0] ?? []);
      models.set(main, model);
    }
  });

  test.each(pairs)("%s: %s", async (_title, name, main, values) => {
    const model = models.get(main)!;
    for (const value of values) {
      const before = await db.$count(slots);
      const [status, answer] = await requestStep({ model_key: model.key, [name]: value });
      const path = `parameters.${name}`;
      expect([value, status]).toEqual([value, 400]);
      for (const fault of faultsOf(answer)) expect(`${fault}.`).toStartWith(`${path}.`);
      expect(await db.$count(slots)).toBe(before);
    }
  });

  test.each(everyMain)("%s: in a grid and in a variation, too", async (_title, main) => {
    const { key: model_key } = models.get(main)!;
    const meaningless = meaninglessTo(factsOf(main)!.accepts);
    const parameters = { model_key, ...meaningless };
    const { id } = await insertPhoto(db, {
      kind: "generated",
      generation: { prompt: "a lighthouse", modelKey: model_key },
    });
    const seeds = { field: "parameters.seed", values: [1, 2] };
    const inOneCell = { field: "parameters", values: [{ model_key }, parameters] };
    const requests: [path: string, body: object, faultsBelow: string][] = [
      [
        "/generation/grids",
        { axes: [seeds], step: { prompt: "a lighthouse", parameters } },
        "step.parameters",
      ],
      [
        "/generation/grids",
        { axes: [inOneCell], step: { prompt: "a lighthouse" } },
        "cells.1.parameters",
      ],
      [`/photos/${id}/variations`, { parameters: meaningless }, "parameters"],
    ];
    const count = async () => [await db.$count(sessions), await db.$count(slots)];
    const before = await count();
    for (const [path, body, faultsBelow] of requests) {
      const [status, answer] = await api.call("POST", path, body);
      const paths = Object.keys(meaningless).map((name) => `${faultsBelow}.${name}`);
      expect([status, faultsOf(answer).toSorted()]).toEqual([400, paths.toSorted()]);
      expect(await count()).toEqual(before);
    }
  });

  test.each(everyMain)("%s: a LoRA, unless it is of the same base", async (_title, main) => {
    const model = models.get(main)!;
    const { key: model_key } = await insertPart("lora", main.base);
    const loras = [{ model_key, weight: 1 }];
    const [status, answer] = await requestStep({ model_key: model.key, loras });
    if (model.accepts!.loras) expect(status).toBe(202);
    else expect([status, faultsOf(answer)]).toEqual([400, ["parameters.loras"]]);
  });

  test.each(everyMain)("%s: a source image, unless it takes one", async (_title, main) => {
    const model = models.get(main)!;
    const { id: source_image_id } = await insertPhoto(db);
    const [status, answer] = await requestStep({ model_key: model.key }, { source_image_id });
    if (takesSource(main)) expect(status).toBe(202);
    else expect([status, faultsOf(answer)]).toEqual([400, ["source_image_id"]]);
  });

  test.each(everyMain)("%s: a negative prompt without effect", async (_title, main) => {
    const model = models.get(main)!;
    const { cfgScale, negativePrompt, negativeNeedsCfg } = model.accepts!;
    const unwanted = { negative_prompt: "blurred" };
    const ask = (cfg_scale: number) =>
      requestStep({ model_key: model.key, ...(cfgScale && { cfg_scale }) }, unwanted);
    const [without, refusal] = await ask(1);
    const isRefused = !negativePrompt || negativeNeedsCfg === true;
    if (isRefused) expect([without, faultsOf(refusal)]).toEqual([400, ["negative_prompt"]]);
    else expect(without).toBe(202);
    expect((await ask(4))[0]).toBe(negativePrompt ? 202 : 400);
  });

  test("a LoRA of the base's other size", async () => {
    const model = await insertMain(mainOf("flux2", "klein_4b"));
    const [other, fit] = [
      await insertPart("lora", "flux2", { variant: "klein_9b" }),
      await insertPart("lora", "flux2", { variant: "klein_4b" }),
    ];
    const ask = (lora: Model) =>
      requestStep({ model_key: model.key, loras: [{ model_key: lora.key, weight: 1 }] });
    const [status, answer] = await ask(other);
    expect([status, faultsOf(answer)]).toEqual([400, ["parameters.loras.0.model_key"]]);
    expect((await ask(fit))[0]).toBe(202);
  });

  test("an unsupported base", async () => {
    const other = await insertPart("main", "sdxl-refiner");
    const before = await db.select().from(slots);
    const [status, { error }] = await requestStep({ model_key: other.key });
    expect([status, error.code]).toEqual([400, "invokeai_model_error"]);
    expect(await db.select().from(slots)).toEqual(before);
  });
});

describe("FLUX", () => {
  test("uses the available encoders and VAE, and returns which", async () => {
    await db.delete(modelPlaces);
    const main = await insertMain("flux");
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

describe("a single file", () => {
  const isOf = (names: string[]) =>
    expect.objectContaining(Object.fromEntries(names.map((name) => [name, expect.any(String)])));

  test("is refused while InvokeAI lacks what it needs, with what to install", async () => {
    await db.delete(modelPlaces);
    const klein = await insertMain(mainOf("flux2", "klein_9b", "gguf_quantized"));
    // Of the other size, of another base, and a folder of the other family.
    await insertPart("qwen3_encoder", "any", { variant: "qwen3_4b" });
    await insertPart("vae", "flux");
    await insertMain(mainOf("flux2", "klein_4b"));
    const before = await db.$count(slots);
    const [status, { error }] = await requestStep({ model_key: klein.key });
    expect([status, error.code]).toEqual([400, "invokeai_model_error"]);
    expect(error.message).toBe(
      `Install a VAE for flux2 and a Qwen3 8B text encoder, or FLUX.2 Klein 9B as a folder of diffusers in InvokeAI; the model "${klein.name}" needs it.`,
    );
    expect(await db.$count(slots)).toBe(before);
    const [, shown] = await api.call("GET", `/models/${klein.key}`);
    expect(shown).toMatchObject({
      supported: true,
      usable: false,
      unusable_reason: expect.stringContaining("Qwen3 8B"),
      lacks: [
        { type: "vae", base: "flux2", source: "black-forest-labs/FLUX.2-klein-4B::vae" },
        {
          type: "qwen3_encoder",
          variant: "qwen3_8b",
          source: "black-forest-labs/FLUX.2-klein-9B::text_encoder+tokenizer",
        },
      ],
    });
  });

  test("takes its parts from models of their own, or from a folder, as InvokeAI's page does", async () => {
    for (const [base, variant] of [
      ["flux2", "klein_9b"],
      ["z-image", "turbo"],
      ["qwen-image", "generate"],
    ] as const) {
      const { companions } = factsOf(mainOf(base, variant, "gguf_quantized"))!.accepts;
      for (const needed of companions) {
        await db.delete(modelPlaces);
        const single = await insertMain(mainOf(base, variant, "gguf_quantized"));
        await insertCompanions(needed);
        const [status, step] = await requestStep({ model_key: single.key });
        expect([status, step.parameters]).toEqual([
          202,
          isOf(needed.map(({ part }) => wireOf(part))),
        ]);
        expect((await api.call("GET", `/models/${single.key}`))[1]).toMatchObject({
          usable: true,
          lacks: [],
        });
      }
    }
  });

  test("of equally complete alternatives, takes the first; of equally good models, the first by name", async () => {
    await db.delete(modelPlaces);
    const single = await insertMain(mainOf("z-image", "zbase", "gguf_quantized"));
    const turbo = await insertMain(mainOf("z-image", "turbo"));
    await insertPart("qwen3_encoder", "any", { variant: "qwen3_4b" });
    await insertPart("vae", "flux");
    const source = async () =>
      (await requestStep({ model_key: single.key }))[1].parameters.component_source_key;
    expect(await source()).toBe(turbo.key);
    await insertMain(mainOf("z-image", "zbase"), { name: "Z last" });
    const same = await insertMain(mainOf("z-image", "zbase"), { name: "Y first" });
    expect(await source()).toBe(same.key);
  });

  test("takes the VAE that the request names, even if InvokeAI has none by itself", async () => {
    await db.delete(modelPlaces);
    const single = await insertMain(mainOf("qwen-image", "generate", "gguf_quantized"));
    const vae = await insertPart("vae", "qwen-image", { name: "B" });
    await insertPart("vae", "qwen-image", { name: "A" });
    await insertPart("qwen_vl_encoder", "any", { name: "A", format: "checkpoint" });
    const folder = await insertPart("qwen_vl_encoder", "any", {
      name: "B",
      format: "qwen_vl_encoder",
    });
    const [status, { parameters }] = await requestStep({
      model_key: single.key,
      vae_key: vae.key,
    });
    expect([status, parameters]).toEqual([
      202,
      expect.objectContaining({ vae_key: vae.key, qwen_vl_encoder_key: folder.key }),
    ]);
  });
});

test("a model that an InvokeAI of 6.13 does not know is refused, with the version", async () => {
  const isVersion = (apiVersion: string | null) =>
    db.update(backends).set({ apiVersion }).where(eq(backends.inForce, true));
  for (const main of [mainOf("krea-2"), mainOf("flux2", "dev"), mainOf("ideogram-4")]) {
    const { key: model_key } = await insertMain(main);
    await isVersion("6.13.8");
    const [status, { error }] = await requestStep({ model_key });
    expect([status, error.code]).toEqual([400, "invokeai_model_error"]);
    expect(error.message).toMatch(/^Update InvokeAI to 6\.14: its version 6\.13\.8 does not know/);
    expect((await api.call("GET", `/models/${model_key}`))[1]).toMatchObject({
      usable: false,
      unusable_reason: error.message,
    });
    for (const version of ["6.14.2", "7.0.0", null]) {
      await isVersion(version);
      expect((await requestStep({ model_key }))[0]).toBe(202);
    }
  }
});

test("Ideogram's presets bring their number of steps, unless the request has one", async () => {
  const { key: model_key } = await insertMain("ideogram-4");
  const stepsOf = async (more: object) =>
    (await requestStep({ model_key, ...more }))[1].parameters.steps;
  expect(await stepsOf({})).toBe(48);
  expect(await stepsOf({ scheduler: "V4_TURBO_12" })).toBe(12);
  expect(await stepsOf({ scheduler: "V4_TURBO_12", steps: 30 })).toBe(30);
  const [, step] = await requestStep({ model_key, guidance: 5 });
  expect(step.parameters).toMatchObject({ guidance: 5, cfg_scale: 1 });
});

test("a refresh says which models can be used, and what each other one lacks", async () => {
  await db.delete(modelPlaces);
  const whole = await insertMain(mainOf("krea-2"));
  const single = await insertMain(mainOf("krea-2", "krea2_base", "gguf_quantized"));
  const foreign = await insertPart("main", "sdxl-refiner");
  await insertPart("vae", "qwen-image");
  const [status, answer] = await api.call("POST", "/models/refresh");
  expect(status).toBe(200);
  expect(answer.usable).toEqual([{ key: whole.key, name: whole.name, base: "krea-2" }]);
  expect(answer.unusable).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        key: single.key,
        unusable_reason: "Install a Qwen3-VL text encoder in InvokeAI.",
        lacks: [expect.objectContaining({ source: "Qwen/Qwen3-VL-4B-Instruct" })],
      }),
      expect.objectContaining({ key: foreign.key, lacks: [] }),
    ]),
  );
});

const wireOf = (part: string) =>
  part === "vae" ? "vae_key" : companions.find(({ name }) => name === part)!.wire;

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
