import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { factsOf } from "#activities/adapters/invokeai/bases";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { companionFor, fluxFill, mainOf } from "#tests/support/graph-parts";
import { exportOf, importInto, makeGenerated } from "#tests/support/made-session";
import { boxMask, speckled } from "#tests/support/painted-source";
import { insertModel, insertPhoto } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

async function insertMain({ base, variant, format, name }: MainModel) {
  const { accepts, defaults, own = [] } = factsOf({ base, variant, format, name })!;
  for (const need of accepts.companions[0] ?? []) {
    const { type, base: ofBase, format: form, variant: kind } = companionFor(need);
    const part = { type, base: ofBase, format: form, variant: kind, accepts: null, defaults: null };
    await insertModel(db, part);
  }
  const facts = { accepts, defaults: { ...defaults, own: [...own] } };
  return insertModel(db, { base, variant, format, name, ...facts });
}

const sd1 = await insertMain(mainOf("sd-1"));
const sdxl = await insertMain(mainOf("sdxl"));
const fill = await insertMain(fluxFill[1]);
const inpaint = await insertMain(mainOf("sd-1", "inpaint"));

const session: string = (
  await api.call("POST", "/generation/sessions", { entry_type: "scratch" })
)[1].id;
async function request(modelKey: string, parameters: Body, rest: Body = {}) {
  const [status, answer] = await api.call("POST", `/generation/sessions/${session}/steps`, {
    prompt: "a boat",
    parameters: { model_key: modelKey, ...parameters },
    ...rest,
  });
  const faults = (answer.error?.details?.errors ?? []).map(({ path }: Body) => path);
  return { status, answer, faults: faults as string[] };
}

describe("a second pass", () => {
  test("is filled in, and is a part of the step's parameters", async () => {
    const { status, answer } = await request(sd1.key, { hires: { scale: 1.5 } });
    expect(status).toBe(202);
    expect(answer.parameters).toMatchObject({
      width: 512,
      height: 512,
      hires: { scale: 1.5, strength: 0.6 },
    });
    const chosen = await request(sdxl.key, { hires: { scale: 4, strength: 1 } });
    expect(chosen.answer.parameters.hires).toEqual({ scale: 4, strength: 1 });
    const without = await request(sd1.key, {});
    expect(without.answer.parameters).not.toHaveProperty("hires");
  });

  test("is refused where it means nothing, or makes a picture that the base cannot draw", async () => {
    const { id: source_image_id } = await insertPhoto(db);
    const before = await db.$count(steps);
    for (const [parameters, faults] of [
      [{ hires: {} }, ["parameters.hires.scale"]],
      [{ hires: { scale: 2, mode: "latent" } }, ["parameters.hires.mode"]],
      [{ hires: { scale: "2" } }, ["parameters.hires.scale"]],
      [{ hires: { scale: 1 } }, ["parameters.hires.scale"]],
      [{ hires: { scale: 4.1 } }, ["parameters.hires.scale"]],
      [{ hires: { scale: 1.001 } }, ["parameters.hires.scale"]],
      [{ width: 1024, hires: { scale: 2.1 } }, ["parameters.hires.scale"]],
      [{ hires: { scale: 2, strength: 0 } }, ["parameters.hires.strength"]],
      [{ hires: { scale: 2, strength: 1.1 } }, ["parameters.hires.strength"]],
    ] as const) {
      const refused = await request(sd1.key, parameters);
      expect([parameters, refused.status, refused.faults]).toEqual([parameters, 400, [...faults]]);
    }
    const hires = { scale: 2 };
    const ofSource = await request(sd1.key, { hires }, { source_image_id });
    expect([ofSource.status, ofSource.faults]).toEqual([400, ["parameters.hires"]]);
    const ofInpaint = await request(inpaint.key, { hires });
    expect([ofInpaint.status, ofInpaint.faults]).toEqual([400, ["parameters.hires"]]);
    expect(await db.$count(steps)).toBe(before);
  });

  test("is recalled by a variation, unless the model takes none", async () => {
    const hires = { scale: 2, strength: 0.5 };
    const photoId = await makeGenerated(api, {
      generation: { prompt: "a boat", modelKey: sd1.key, width: 512, height: 512, hires },
    });
    const vary = async (body: Body) =>
      (await api.call("POST", `/photos/${photoId}/variations`, body))[1].step.parameters;
    expect((await vary({})).hires).toEqual(hires);
    expect(await vary({ parameters: { model_key: inpaint.key } })).not.toHaveProperty("hires");
    const [, shown] = await api.call("GET", `/photos/${photoId}`);
    expect(shown.generation_metadata.hires).toEqual(hires);
  });
});

describe("FLUX Fill", () => {
  const box = { x: 16, y: 16, width: 32, height: 32 };
  const uploaded = async (bytes: Uint8Array): Promise<string> =>
    (await upload(api, formOf([{ bytes }]))).body["id"];

  test("paints a part of a picture, without strength and fill", async () => {
    const source_image_id = await uploaded(await speckled(96, 80));
    const mask = await uploaded(await boxMask(96, 80, box));
    const { status, answer } = await request(fill.key, {}, { source_image_id, mask });
    expect([status, answer.error]).toEqual([202, undefined]);
    expect(answer.parameters).toMatchObject({ guidance: 30, mask_blur: 0 });
    expect(answer.parameters).not.toHaveProperty("strength");
    expect(answer.parameters).not.toHaveProperty("mask_fill");
    const wider = await request(
      fill.key,
      { guidance: 100, expand: { left: 32 } },
      { source_image_id },
    );
    expect([wider.status, wider.answer.parameters.guidance]).toEqual([202, 100]);

    for (const [parameters, faults] of [
      [{ strength: 0.5 }, ["parameters.strength"]],
      [{ mask_fill: "cv2" }, ["parameters.mask_fill"]],
      [{ guidance: 101 }, ["parameters.guidance"]],
      [{ cfg_scale: 2 }, ["parameters.cfg_scale"]],
    ] as const) {
      const refused = await request(fill.key, parameters, { source_image_id, mask });
      expect([parameters, refused.status, refused.faults]).toEqual([parameters, 400, [...faults]]);
    }
  });

  test("is refused without a part to paint: for text to image, and for a whole picture", async () => {
    const { id: source_image_id } = await insertPhoto(db);
    const before = await db.$count(steps);
    for (const rest of [{}, { source_image_id }]) {
      const { status, faults, answer } = await request(fill.key, {}, rest);
      expect([rest, status, faults]).toEqual([rest, 400, ["mask"]]);
      expect(answer.error.details.errors[0].message).toContain("only paints a part");
    }
    expect(await db.$count(steps)).toBe(before);
  });

  test("is usable, and says what it takes", async () => {
    const [, model] = await api.call("GET", `/models/${fill.key}`);
    expect(model).toMatchObject({ supported: true, usable: true });
    const [, { items }] = await api.call("GET", "/generation/bases");
    const facts = (variant: string) => items.find((item: Body) => item.variant === variant);
    expect(facts("dev_fill")).toMatchObject({
      parts_only: true,
      inpaint: true,
      image_to_image: false,
      hires: false,
      max_guidance: 100,
    });
    expect(facts("inpaint")).toMatchObject({ parts_only: false, inpaint: true, hires: false });
    expect(facts("normal")).toMatchObject({ parts_only: false, hires: true });
  });

  test("is not chosen for a request that names no model", async () => {
    await request(inpaint.key, {});
    const photoId = await uploaded(await speckled(80, 80));
    const [status, { step }] = await api.call("POST", `/photos/${photoId}/variations`, {
      prompt: "a boat",
    });
    expect(status).toBe(202);
    expect([fill.key, inpaint.key]).not.toContain(step.model_key);
  });
});

test("a session with a second pass and with enlarged photos is the same after export and import", async () => {
  const upscaler = { type: "spandrel_image_to_image", base: "any", accepts: null, defaults: null };
  await insertModel(db, { name: "4x Clear", ...upscaler });
  const photoId = (await upload(api, formOf([{ bytes: await speckled(64, 72) }]))).body["id"];
  const [, { session: made, step }] = await api.call("POST", "/photos/batch/upscale", {
    ids: [photoId],
    scale: 2,
  });
  const [, drawn] = await api.call("POST", `/generation/sessions/${made.id}/steps`, {
    prompt: "a boat",
    parameters: { model_key: sd1.key, hires: { scale: 1.5 } },
  });
  const image = await makeGenerated(api, {
    sessionId: made.id,
    stepId: step.id,
    slotIndex: 0,
    sourceImageId: photoId,
    generation: { prompt: "", width: 64, height: 72, upscale: { scale: 2 } },
  });
  await db.update(slots).set({ status: "failed" });
  await db.update(slots).set({ status: "filled", photoId: image }).where(eq(slots.stepId, step.id));
  await db.update(steps).set({ status: "completed", completedAt: new Date() });
  const other = await createTestApi();
  try {
    await importInto(other, await exportOf(api, made.id));
    const [, shown] = await other.call("GET", `/generation/steps/${step.id}`);
    expect(shown.pictures).toEqual(step.pictures);
    const [, second] = await other.call("GET", `/generation/steps/${drawn.id}`);
    expect(second.parameters.hires).toEqual({ scale: 1.5, strength: 0.6 });
    const [, lineage] = await other.call("GET", `/photos/${image}/lineage`);
    expect(lineage.edges).toMatchObject([{ from: photoId, to: image, kind: "upscale" }]);
  } finally {
    await other.close();
  }
});
