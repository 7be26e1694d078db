import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { factsOf } from "#activities/adapters/invokeai/bases";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { stemsFromOwnPhoto } from "#db/queries/photos/photo-origin";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { mainOf } from "#tests/support/graph-parts";
import { exportOf, importInto, makeGenerated } from "#tests/support/made-session";
import { speckled } from "#tests/support/painted-source";
import { insertModel, insertPhoto } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const mainModel = (kind: MainModel, name: string) => {
  const { accepts, defaults } = factsOf(kind)!;
  const { base, variant, format } = kind;
  return insertModel(db, { base, variant, format, name, accepts, defaults });
};
const part = (type: string, base: string, name: string, format = "checkpoint") =>
  insertModel(db, { type, base, name, format, accepts: null, defaults: null });

const sd1 = await mainModel(mainOf("sd-1"), "Meadow");
const sdxl = await mainModel(mainOf("sdxl"), "Atlas");
const edit = await mainModel(mainOf("qwen-image", "edit"), "Garden Edit");
const zImage = await mainModel(mainOf("z-image"), "Lantern");
const plain = await mainModel(mainOf("sd-3"), "Orchard");
const edges = await part("controlnet", "sd-1", "Canny edges");
const depth = await part("controlnet", "sd-1", "A depth map");
const look = await part("ip_adapter", "sd-1", "Look");
const encoder = await part("clip_vision", "any", "IP Adapter SD1.5 Image Encoder", "diffusers");
await part("controlnet", "z-image", "Union");

const uploaded = async (side: number): Promise<string> =>
  (await upload(api, formOf([{ bytes: await speckled(side, 64) }]))).body["id"];
const one = await uploaded(64);
const two = await uploaded(72);

const openSession = async (): Promise<string> =>
  (await api.call("POST", "/generation/sessions", { entry_type: "scratch" }))[1].id;

async function request(
  references: Body[],
  model = sd1,
  { parameters, ...more }: Body = {},
  sessionId?: string,
): Promise<[number, Body]> {
  return api.call("POST", `/generation/sessions/${sessionId ?? (await openSession())}/steps`, {
    prompt: "a boat",
    references,
    parameters: { model_key: model.key, ...parameters },
    ...more,
  });
}

const faultsOf = (answer: Body) =>
  (answer.error?.details?.errors ?? []).map(({ path }: Body) => path);

describe("a step with references", () => {
  test("is accepted with everything filled in: adapter, its encoder, weight and range", async () => {
    const [status, step] = await request([
      { image_id: one, role: "style" },
      { image_id: two, role: "control", preprocessor: "canny", weight: 0.5, end: 1 },
      { image_id: one, role: "control" },
      { image_id: one, role: "control", model_key: edges.key, begin: 0.8 },
    ]);
    expect([status, step.error]).toEqual([202, undefined]);
    const [style, canny, first, late] = step.references;
    expect(style).toEqual({
      image_id: one,
      role: "style",
      weight: 1,
      begin: 0,
      end: 1,
      model_key: look.key,
      encoder_key: encoder.key,
    });
    expect(canny).toMatchObject({ model_key: edges.key, weight: 0.5, begin: 0, end: 1 });
    // The first by name, as nothing says what kind of map it is.
    expect(first).toMatchObject({ model_key: depth.key, weight: 0.75, begin: 0, end: 0.75 });
    expect(late).toMatchObject({ model_key: edges.key, begin: 0.8, end: 0.8 });
    const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
    expect(row?.references?.map(({ imageId }) => imageId)).toEqual([one, two, one, one]);
  });

  test("of a model that edits in words needs no other model", async () => {
    const [status, step] = await request(
      [
        { image_id: one, role: "edit" },
        { image_id: two, role: "edit" },
      ],
      edit,
    );
    expect([status, step.references]).toEqual([
      202,
      [
        { image_id: one, role: "edit" },
        { image_id: two, role: "edit" },
      ],
    ]);
  });

  test("is refused where it cannot work, and nothing is left behind", async () => {
    const before = await db.$count(steps);
    const trashed = await uploaded(80);
    await api.request(`/api/v1/photos/${trashed}`, { method: "DELETE" });
    const control = { image_id: one, role: "control" };
    const cases: [Body[], typeof sd1, number, string[]][] = [
      [[{ image_id: one, role: "edit" }], sd1, 400, ["references.0.role"]],
      [[control], plain, 400, ["references.0.role"]],
      [[{ image_id: one, role: "ghost" }], sd1, 400, ["references.0.role"]],
      [[control, control], zImage, 400, ["references.1.role"]],
      [Array.from({ length: 9 }, () => control), sd1, 400, ["references"]],
      [[{ ...control, weight: 2.1 }], sd1, 400, ["references.0.weight"]],
      [[{ ...control, weight: -0.1 }], sd1, 400, ["references.0.weight"]],
      [[{ ...control, begin: 1.1 }], sd1, 400, ["references.0.begin"]],
      [[{ ...control, end: -0.1 }], sd1, 400, ["references.0.end", "references.0.begin"]],
      [[{ ...control, begin: 0.6, end: 0.5 }], sd1, 400, ["references.0.begin"]],
      [[{ ...control, preprocessor: "depth" }], sd1, 400, ["references.0.preprocessor"]],
      [
        [{ image_id: one, role: "style", preprocessor: "canny" }],
        sd1,
        400,
        ["references.0.preprocessor"],
      ],
      [[{ ...control, model_key: look.key }], sd1, 400, ["references.0.model_key"]],
      [[{ ...control, model_key: "unknown" }], sd1, 400, ["references.0.model_key"]],
      [[{ image_id: one, role: "edit", weight: 1 }], edit, 400, ["references.0.weight"]],
      [[{ image_id: one, role: "edit", end: 1 }], edit, 400, ["references.0.end"]],
      [
        [{ image_id: one, role: "edit", model_key: look.key }],
        edit,
        400,
        ["references.0.model_key"],
      ],
      [[control, { image_id: crypto.randomUUID(), role: "control" }], sd1, 404, []],
      [[{ image_id: trashed, role: "control" }], sd1, 409, []],
    ];
    for (const [references, model, status, paths] of cases) {
      const [got, answer] = await request(references, model);
      expect([references.at(-1), got, faultsOf(answer)]).toEqual([
        references.at(-1),
        status,
        paths,
      ]);
    }
    expect(await db.$count(steps)).toBe(before);
  });

  test("names what a model can do instead, and which bases have the role", async () => {
    const [, answer] = await request([{ image_id: one, role: "edit" }]);
    expect(answer.error.details.errors[0].message).toBe(
      "not supported by this model of base sd-1, which takes style, composition, control; models of base qwen-image take edit",
    );
    const [, other] = await request([{ image_id: one, role: "style" }], plain);
    expect(other.error.details.errors[0].message).toContain("which takes no references");
  });

  test("says what to install when what carries it is missing, and then works", async () => {
    const before = await db.$count(steps);
    const wanted = [{ image_id: one, role: "style" }];
    const [status, answer] = await request(wanted, sdxl);
    expect([status, answer.error.code]).toEqual([400, "invokeai_model_error"]);
    expect(answer.error.message).toContain("Install an IP-Adapter for sdxl in InvokeAI");
    expect(answer.error.details).toMatchObject({
      path: "references.0",
      lacks: [{ type: "ip_adapter", source: expect.stringContaining("https://") }],
    });
    await part("ip_adapter", "sdxl", "Look XL ViT-G");
    const [again, lacking] = await request(wanted, sdxl);
    expect([again, lacking.error.message]).toEqual([
      400,
      'Install the image encoder "IP Adapter SDXL Image Encoder" in InvokeAI; a reference of role style needs it.',
    ]);
    expect(await db.$count(steps)).toBe(before);
    await part("clip_vision", "any", "IP Adapter SDXL Image Encoder", "diffusers");
    expect((await request(wanted, sdxl))[0]).toBe(202);
  });

  test("by the folder of an IP-Adapter needs the image encoder that this one names", async () => {
    const folder = await insertModel(db, {
      type: "ip_adapter",
      base: "sd-1",
      name: "Look in a folder",
      format: "invokeai",
      imageEncoder: "InvokeAI/ip_adapter_sd_image_encoder",
      accepts: null,
      defaults: null,
    });
    const wanted = [{ image_id: one, role: "style", model_key: folder.key }];
    const [status, answer] = await request(wanted);
    expect([status, answer.error.details.lacks]).toEqual([
      400,
      [
        {
          type: "clip_vision",
          title: 'the image encoder "ip_adapter_sd_image_encoder"',
          source: "https://huggingface.co/InvokeAI/ip_adapter_sd_image_encoder",
        },
      ],
    ]);
    const own = await part("clip_vision", "any", "ip_adapter_sd_image_encoder", "diffusers");
    const [, step] = await request(wanted);
    expect(step.references[0]).toMatchObject({ model_key: folder.key, encoder_key: own.key });
  });

  test("by a control LoRA are one of a step; sd-2 takes a ControlNet", async () => {
    // As a folder, so that neither needs other models.
    const format = "diffusers";
    const flux = await mainModel(mainOf("flux", "dev", format), "Harbour");
    const schnell = await mainModel(mainOf("flux", "schnell", format), "Quick");
    const control = { image_id: one, role: "control" };
    const [, lacking] = await request([control], flux);
    expect(lacking.error.message).toContain("Install a ControlNet for flux");
    const lora = await part("control_lora", "flux", "Canny LoRA", "lycoris");
    const [status, step] = await request([{ ...control, preprocessor: "canny" }], flux);
    expect([status, step.references]).toEqual([
      202,
      [{ ...control, preprocessor: "canny", model_key: lora.key, weight: 0.75 }],
    ]);
    const named = { ...control, model_key: lora.key };
    expect(faultsOf((await request([named, named], flux))[1])).toEqual(["references.1.model_key"]);
    expect(faultsOf((await request([{ ...named, end: 1 }], flux))[1])).toEqual([
      "references.0.end",
    ]);
    expect(faultsOf((await request([named], schnell))[1])).toEqual(["references.0.model_key"]);
    const [, second] = await request([control, control], flux);
    expect(second.error.message).toContain("Install a ControlNet for flux");

    const sd2 = await mainModel(mainOf("sd-2"), "Tide");
    const [, missing] = await request([control], sd2);
    expect(missing.error.details.lacks).toMatchObject([{ type: "controlnet" }]);
    const depths = await part("controlnet", "sd-2", "Depths");
    expect((await request([control], sd2))[1].references[0].model_key).toBe(depths.key);
    expect(faultsOf((await request([{ ...control, role: "style" }], sd2))[1])).toEqual([
      "references.0.role",
    ]);
  });

  test("takes a preprocessor with weights only after the owner has allowed it", async () => {
    const wanted = [{ image_id: one, role: "control", preprocessor: "depth" }];
    const [, refused] = await request(wanted);
    expect(refused.error.details.errors[0].message).toContain(
      'add "depth_anything_depth_estimation" to the setting generation.allowed_node_types',
    );
    const setting = (types: string[]) =>
      api.call("PATCH", "/settings", { generation: { allowed_node_types: types } });
    expect((await setting(["depth_anything_depth_estimation"]))[0]).toBe(200);
    const [status, step] = await request(wanted);
    expect([status, step.references?.[0].model_key]).toEqual([202, depth.key]);
    await setting([]);
  });

  test("is refused with a recipe, whose inputs have its pictures", async () => {
    const path = `/generation/sessions/${await openSession()}/steps`;
    const [status, answer] = await api.call("POST", path, {
      recipe_id: crypto.randomUUID(),
      references: [{ image_id: one, role: "control" }],
    });
    expect([status, faultsOf(answer)]).toEqual([400, ["references"]]);
  });
});

test("models and bases tell their roles, and what each role lacks", async () => {
  const [, listed] = await api.call("GET", "/models?type=main");
  const of = (key: string) => listed.items.find((model: Body) => model.key === key).references;
  expect(of(sd1.key)).toEqual([
    { role: "style", max: 8, usable: true, lacks: [] },
    { role: "composition", max: 8, usable: true, lacks: [] },
    { role: "control", max: 8, usable: true, lacks: [] },
  ]);
  expect(of(sdxl.key)[2]).toMatchObject({
    role: "control",
    usable: false,
    lacks: [{ type: "controlnet", title: "a ControlNet for sdxl" }],
  });
  expect(of(edit.key)).toEqual([{ role: "edit", max: 8, usable: true, lacks: [] }]);
  expect(of(plain.key)).toEqual([]);
  const [, bases] = await api.call("GET", "/generation/bases");
  const zRoles = bases.items.find(({ base }: Body) => base === "z-image").references;
  expect(zRoles).toEqual([{ role: "control", max: 1, adapters: ["controlnet"] }]);
});

test("a grid has an axis of weights, and is refused as a whole for one that is out of range", async () => {
  const make = (values: number[]) =>
    api.call("POST", "/generation/grids", {
      axes: [{ field: "references.0.weight", values }],
      step: {
        prompt: "a boat",
        references: [{ image_id: one, role: "control", weight: 1 }],
        parameters: { model_key: sd1.key },
      },
    });
  const [status, grid] = await make([0.5, 1]);
  expect([status, grid.error]).toEqual([202, undefined]);
  const rows = await db.select().from(steps).where(eq(steps.sessionId, grid.id));
  expect(new Set(rows.map(({ references }) => references?.[0]?.weight))).toEqual(new Set([0.5, 1]));
  const before = await db.$count(steps);
  const [refused, answer] = await make([0.5, 3]);
  expect([refused, faultsOf(answer)]).toEqual([400, ["cells.1.references.0.weight"]]);
  expect(await db.$count(steps)).toBe(before);
});

/** A session whose only step was made with `own` as its style. */
async function sessionWith(own: string) {
  const sessionId = await openSession();
  const [, step] = await request(
    [{ image_id: own, role: "style", weight: 0.6 }],
    sd1,
    {},
    sessionId,
  );
  const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
  const photoId = await makeGenerated(api, {
    sessionId,
    stepId: step.id,
    slotIndex: 0,
    references: row!.references,
    generation: {
      prompt: "a boat",
      modelKey: sd1.key,
      modelHash: sd1.hash,
      seed: row!.parameters.seed,
      width: 64,
      height: 64,
      loras: [],
    },
  });
  await db.update(slots).set({ status: "filled", photoId }).where(eq(slots.stepId, step.id));
  await db
    .update(steps)
    .set({ status: "completed", completedAt: new Date() })
    .where(eq(steps.id, step.id));
  return { sessionId, step, photoId };
}

const purge = (id: string) =>
  api.request(`/api/v1/photos/${id}?permanent=true`, { method: "DELETE" });

describe("a photo with references", () => {
  test("has them as parents in the lineage, with their roles, seen from both", async () => {
    const { photoId } = await sessionWith(one);
    for (const id of [photoId, one]) {
      const [, lineage] = await api.call("GET", `/photos/${id}/lineage`);
      expect(lineage.edges).toContainEqual({
        from: one,
        to: photoId,
        kind: "reference",
        role: "style",
        changed: {},
      });
      const roles = new Map(lineage.nodes.map((node: Body) => [node.photo_id, node.role]));
      expect([roles.get(one), roles.get(photoId)]).toEqual(["origin", "alternative"]);
    }
  });

  test("keeps a node for a reference that is deleted for good, and cannot be varied with it", async () => {
    const own = await uploaded(88);
    const { photoId } = await sessionWith(own);
    expect((await purge(own)).status).toBe(204);
    const [, { nodes, edges }] = await api.call("GET", `/photos/${photoId}/lineage`);
    expect(nodes).toContainEqual(expect.objectContaining({ photo_id: own, purged: true }));
    expect(edges).toContainEqual(expect.objectContaining({ from: own, kind: "reference" }));
    const [status] = await api.call("POST", `/photos/${photoId}/variations`, {});
    expect(status).toBe(409);
    const replaced = { references: [{ image_id: two, role: "style" }] };
    const [accepted, { step }] = await api.call("POST", `/photos/${photoId}/variations`, replaced);
    expect([accepted, step.references[0].image_id]).toEqual([202, two]);
    expect((await purge(photoId)).status).toBe(204);
    const [, left] = await api.call("GET", `/photos/${own}/lineage`);
    expect(left.edges).toContainEqual(expect.objectContaining({ from: own, to: photoId }));
  });

  test("stems from an own photo if that was edited, not if it only gave its style", async () => {
    const made = (role: "edit" | "style") =>
      insertPhoto(db, { kind: "generated", references: [{ imageId: one, role }] });
    expect(await stemsFromOwnPhoto(db, (await made("edit")).id)).toBe(true);
    expect(await stemsFromOwnPhoto(db, (await made("style")).id)).toBe(false);
    expect(await stemsFromOwnPhoto(db, one)).toBe(false);
  });

  test("is varied with the same references, or with none", async () => {
    const { photoId, step } = await sessionWith(one);
    const [status, again] = await api.call("POST", `/photos/${photoId}/variations`, {});
    expect([status, again.step.references]).toEqual([202, step.references]);
    const [, without] = await api.call("POST", `/photos/${photoId}/variations`, {
      references: [],
    });
    expect(without.step.references).toBeUndefined();
  });

  test("is varied by what carries them now, with the numbers that this one takes", async () => {
    const flux = await mainModel(mainOf("flux", "dev", "diffusers"), "Quay");
    const lora = await part("control_lora", "flux", "A canny LoRA", "lycoris");
    const generated = (modelKey: string) =>
      insertPhoto(db, {
        kind: "generated",
        generation: { prompt: "a boat", modelKey: flux.key, modelHash: flux.hash, loras: [] },
        references: [{ imageId: one, role: "control", weight: 1.5, begin: 0, end: 0.5, modelKey }],
      });
    const { id } = await generated("a ControlNet that is gone");
    const [status, varied] = await api.call("POST", `/photos/${id}/variations`, {});
    expect([status, varied.step?.references]).toEqual([
      202,
      [{ image_id: one, role: "control", weight: 1.5, model_key: lora.key }],
    ]);
    // One of another base is not named for this one.
    const { id: foreign } = await generated(edges.key);
    const [, again] = await api.call("POST", `/photos/${foreign}/variations`, {});
    expect(again.step.references[0].model_key).toBe(lora.key);
  });

  test("differs from another by them", async () => {
    const [first, second] = [await sessionWith(one), await sessionWith(two)];
    const ids = `${first.photoId},${second.photoId}`;
    const [, { parameters }] = await api.call("GET", `/generation/compare?ids=${ids}`);
    const found = parameters.find(({ name }: Body) => name === "references");
    expect(found.values.map(([reference]: Body[]) => reference?.["image_id"])).toEqual([one, two]);
  });

  test("comes with them out of an export, and into another gallery", async () => {
    const own = await uploaded(104);
    const { sessionId, photoId, step } = await sessionWith(own);
    const archive = await exportOf(api, sessionId);
    const other = await createTestApi();
    try {
      // The same picture is there already, under another id.
      const twin = (await upload(other, formOf([{ bytes: await speckled(104, 64) }]))).body["id"];
      const { status, body } = await importInto(other, archive);
      expect([status, body["error"]]).toEqual([201, undefined]);
      const references = [{ ...step.references[0], image_id: twin }];
      const [, listed] = await other.call("GET", `/generation/sessions/${sessionId}/steps`);
      expect(listed.items[0].references).toEqual(references);
      const [photo] = await other.deps.database.db
        .select()
        .from(photos)
        .where(eq(photos.id, photoId));
      expect(photo?.references).toMatchObject([{ imageId: twin, role: "style", weight: 0.6 }]);
      const [, lineage] = await other.call("GET", `/photos/${photoId}/lineage`);
      expect(lineage.edges).toContainEqual(expect.objectContaining({ from: twin, to: photoId }));
    } finally {
      await other.close();
    }
  });
});
