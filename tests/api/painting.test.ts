import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import sharp from "sharp";
import { factsOf } from "#activities/adapters/invokeai/bases";
import { masks } from "#db/schema/masks";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { mainOf } from "#tests/support/graph-parts";
import { exportOf, importInto, makeGenerated } from "#tests/support/made-session";
import { boxMask, speckled } from "#tests/support/painted-source";
import { insertModel } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const facts = factsOf(mainOf("sd-1"))!;
const model = await insertModel(db, { accepts: facts.accepts, defaults: facts.defaults });
const unable = await insertModel(db, {
  base: "ernie-image",
  name: "Ernie",
  accepts: { ...facts.accepts, inpaint: false },
  defaults: facts.defaults,
});

async function uploaded(bytes: Uint8Array): Promise<string> {
  const { body } = await upload(api, formOf([{ bytes }]));
  return body["id"];
}

const box = { x: 24, y: 16, width: 32, height: 24 };
const source = await uploaded(await speckled(96, 80));
const mask = await uploaded(await boxMask(96, 80, box));

const openSession = async (): Promise<string> =>
  (await api.call("POST", "/generation/sessions", { entry_type: "scratch" }))[1].id;

async function request(body: Body, sessionId?: string): Promise<[number, Body]> {
  const { parameters, ...rest } = body;
  return api.call("POST", `/generation/sessions/${sessionId ?? (await openSession())}/steps`, {
    prompt: "a boat",
    parameters: { model_key: model.key, ...parameters },
    ...rest,
  });
}

async function requestByForm(step: Body, bytes: Uint8Array | null, extra: string[] = []) {
  const form = new FormData();
  form.append("step", JSON.stringify({ prompt: "a boat", ...step }));
  if (bytes) form.append("mask", new Blob([new Uint8Array(bytes)]), "mask.png");
  for (const name of extra) form.append(name, "1");
  const path = `/api/v1/generation/sessions/${await openSession()}/steps`;
  const response = await api.request(path, { method: "POST", body: form });
  return [response.status, (await response.json()) as Body] as const;
}

const faultsOf = (answer: Body) =>
  (answer.error?.details?.errors ?? []).map(({ path }: Body) => path);
const stepCount = () => db.$count(steps);

describe("a step with a mask", () => {
  test("is accepted with everything filled in: the whole picture, at a size of its proportions", async () => {
    const [status, step] = await request({ source_image_id: source, mask });
    expect([status, step.error]).toEqual([202, undefined]);
    expect(step.parameters).toMatchObject({
      mask_blur: 0,
      mask_fill: "source",
      region: { x: 0, y: 0, width: 96, height: 80 },
      width: 560,
      height: 464,
      strength: 0.75,
    });
    const picture = await api.request(step.mask_url);
    expect(picture.headers.get("content-type")).toBe("image/png");
    const bytes = Buffer.from(await picture.arrayBuffer());
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([96, 80]);
    expect([data[(16 * 96 + 24) * info.channels], data[0]]).toEqual([255, 0]);
  });

  test("takes the mask itself in a form, and equal masks are kept once", async () => {
    const before = await db.$count(masks);
    const bytes = await boxMask(96, 80, { ...box, x: 8 });
    const step = { parameters: { model_key: model.key }, source_image_id: source };
    const [status, first] = await requestByForm(step, bytes);
    expect([status, first.error]).toEqual([202, undefined]);
    const webp = await sharp(bytes).webp({ lossless: true }).toBuffer();
    const [, second] = await requestByForm(step, webp);
    expect(second.mask_url).toBe(first.mask_url);
    expect((await db.$count(masks)) - before).toBe(1);
  });

  test("keeps its mask when the photo of the mask is deleted for good", async () => {
    const own = await uploaded(await boxMask(96, 80, { ...box, y: 40 }));
    const [, step] = await request({ source_image_id: source, mask: own });
    const gone = await api.request(`/api/v1/photos/${own}?permanent=true`, { method: "DELETE" });
    expect(gone.status).toBe(204);
    expect((await api.request(step.mask_url)).status).toBe(200);
  });

  test("is refused where it cannot work, and nothing is left behind", async () => {
    const before = [await stepCount(), await db.$count(masks)];
    const small = await uploaded(await boxMask(64, 64, { x: 4, y: 4, width: 32, height: 32 }));
    const black = await uploaded(
      await sharp({ create: { width: 96, height: 80, channels: 3, background: "#000" } })
        .png()
        .toBuffer(),
    );
    const cases: [Body, number, string[]][] = [
      [{ mask }, 400, ["mask"]],
      [{ source_image_id: source, mask: small }, 400, ["mask"]],
      [{ source_image_id: source, mask: black }, 400, ["mask"]],
      [{ source_image_id: source, mask: crypto.randomUUID() }, 404, []],
      [
        { source_image_id: source, mask, parameters: { mask_blur: 513 } },
        400,
        ["parameters.mask_blur"],
      ],
      [
        {
          source_image_id: source,
          mask,
          parameters: { region: { x: 60, y: 0, width: 40, height: 40 } },
        },
        400,
        ["parameters.region"],
      ],
      [
        {
          source_image_id: source,
          mask,
          parameters: { region: { x: 64, y: 48, width: 32, height: 32 } },
        },
        400,
        ["parameters.region"],
      ],
      [{ source_image_id: source, mask, parameters: { width: 65 } }, 400, ["parameters.width"]],
      [
        { source_image_id: source, parameters: { mask_blur: 4, mask_fill: "cv2" } },
        400,
        ["parameters.mask_blur", "parameters.mask_fill"],
      ],
      [{ source_image_id: source, parameters: { expand: { top: 0 } } }, 400, ["parameters.expand"]],
      [
        { source_image_id: source, parameters: { expand: { top: 9000 } } },
        400,
        ["parameters.expand.top", "parameters.expand"],
      ],
    ];
    for (const [body, status, paths] of cases) {
      const [got, answer] = await request(body);
      expect([body, got, faultsOf(answer)]).toEqual([body, status, paths]);
    }
    const step = { parameters: { model_key: model.key }, source_image_id: source };
    const forms: [Body, Uint8Array | null, string[], number][] = [
      [step, Buffer.from("no picture"), [], 415],
      [step, await boxMask(96, 80, box), ["more"], 400],
      [{ ...step, mask }, await boxMask(96, 80, box), [], 400],
      [step, Buffer.alloc(9_000_000), [], 413],
    ];
    for (const [body, bytes, extra, status] of forms) {
      expect((await requestByForm(body, bytes, extra))[0]).toBe(status);
    }
    expect([await stepCount(), await db.$count(masks)]).toEqual(before as [number, number]);
  });

  test("a base that paints whole pictures only is refused with those that can", async () => {
    for (const more of [{ mask }, { parameters: { expand: { left: 32 } } }]) {
      const [status, answer] = await request({
        source_image_id: source,
        ...more,
        parameters: { ...("parameters" in more && more.parameters), model_key: unable.key },
      });
      expect(status).toBe(400);
      const [fault] = answer.error.details.errors;
      expect(fault.message).toContain(
        "not supported by this model of base ernie-image; models of base sd-1 take it",
      );
    }
  });

  test("expand grows the picture: missing sides are 0", async () => {
    const [status, step] = await request({
      source_image_id: source,
      parameters: { expand: { left: 32 } },
    });
    expect(status).toBe(202);
    expect(step.parameters).toMatchObject({
      expand: { top: 0, right: 0, bottom: 0, left: 32 },
      region: { x: 0, y: 0, width: 128, height: 80 },
    });
    expect(step.mask_url).toBeUndefined();
  });
});

test("a step of a recipe is refused with a mask, sent or named: its inputs have it", async () => {
  const [status, answer] = await api.call(
    "POST",
    `/generation/sessions/${await openSession()}/steps`,
    { recipe_id: crypto.randomUUID(), mask },
  );
  expect([status, faultsOf(answer)]).toEqual([400, ["mask"]]);
  const step = { recipe_id: crypto.randomUUID(), prompt: undefined };
  const [formStatus, formAnswer] = await requestByForm(step, await boxMask(96, 80, box));
  expect([formStatus, faultsOf(formAnswer)]).toEqual([400, ["mask"]]);
});

test("an expanded step has a mask, and prompts of its own for each image", async () => {
  const [status, step] = await request({
    prompt: "a {red|blue|green} boat",
    expand: true,
    source_image_id: source,
    mask,
    parameters: { seed: 1, batch_size: 3, expand: { left: 32 } },
  });
  expect([status, step.error]).toEqual([202, undefined]);
  expect(step.expanded_prompts).toHaveLength(3);
  expect(step.mask_url).toBeString();
  expect(step.parameters.expand).toEqual({ top: 0, right: 0, bottom: 0, left: 32 });
});

describe("a grid", () => {
  const make = (body: Body) =>
    api.call("POST", "/generation/grids", {
      ...body,
      step: {
        prompt: "a boat",
        source_image_id: source,
        ...body["step"],
        parameters: { model_key: model.key, ...body["step"]?.parameters },
      },
    });

  test("has an axis of masks, and one of how they are painted", async () => {
    const other = await uploaded(await boxMask(96, 80, { ...box, y: 8 }));
    const axes = [
      { field: "mask", values: [mask, other] },
      { field: "parameters.mask_blur", values: [0, 4] },
    ];
    const [status, grid] = await make({ axes });
    expect([status, grid.error]).toEqual([202, undefined]);
    const rows = await db
      .select()
      .from(steps)
      .where(eq(steps.sessionId, grid.id))
      .orderBy(steps.position);
    expect(new Set(rows.map(({ maskHash }) => maskHash)).size).toBe(2);
    expect(rows.map(({ parameters }) => parameters.maskBlur)).toEqual([0, 0, 4, 4]);
  });

  test("is refused as a whole for a mask that cannot be used, with its cell", async () => {
    const before = [await stepCount(), await db.$count(masks)];
    const unknown = crypto.randomUUID();
    const [status, answer] = await make({ axes: [{ field: "mask", values: [mask, unknown] }] });
    expect([status, faultsOf(answer)]).toEqual([400, ["cells.1.mask"]]);
    const many = Array.from({ length: 17 }, () => crypto.randomUUID());
    const [alsoRefused, other] = await make({ axes: [{ field: "mask", values: many }] });
    expect([alsoRefused, faultsOf(other)]).toEqual([400, ["axes"]]);
    expect([await stepCount(), await db.$count(masks)]).toEqual(before as [number, number]);
  });
});

/** A session whose only step painted a part of `source`. */
async function paintedSession() {
  const sessionId = await openSession();
  const parameters = { mask_blur: 3, batch_size: 1, seed: 5 };
  const [, step] = await request({ source_image_id: source, mask, parameters }, sessionId);
  const [row] = await db.select().from(steps).where(eq(steps.id, step.id));
  const { maskBlur, maskFill, region, width, height } = row!.parameters;
  const photoId = await makeGenerated(api, {
    sessionId,
    stepId: step.id,
    slotIndex: 0,
    sourceImageId: source,
    maskHash: row!.maskHash,
    generation: {
      prompt: "a boat",
      modelKey: model.key,
      modelHash: model.hash,
      seed: 5,
      strength: 0.75,
      width,
      height,
      maskBlur: maskBlur!,
      maskFill: maskFill!,
      region: region!,
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

test("a painted photo shows its mask, alone and in the lineage", async () => {
  const { photoId, step } = await paintedSession();
  const [, photo] = await api.call("GET", `/photos/${photoId}/lineage`);
  expect(photo.edges).toContainEqual(
    expect.objectContaining({
      from: source,
      to: photoId,
      kind: "inpaint",
      mask_url: step.mask_url,
    }),
  );
  const response = await api.request(`/api/v1/photos/${photoId}`, {
    headers: { accept: "application/json" },
  });
  const shown = (await response.json()) as Body;
  expect(shown.mask_url).toBe(step.mask_url);
  expect(shown.generation_metadata).toMatchObject({ mask_blur: 3, region: { width: 96 } });
});

test("a variation of a painted photo paints with the same mask", async () => {
  const { photoId, step } = await paintedSession();
  const [status, { step: next }] = await api.call("POST", `/photos/${photoId}/variations`, {});
  expect(status).toBe(202);
  expect(next).toMatchObject({ mask_url: step.mask_url, source_image_id: source });
  const { region, mask_blur, width, height } = step.parameters;
  expect(next.parameters).toMatchObject({ region, mask_blur, width, height });
});

test("a session is exported with its masks, and imported with them on another gallery", async () => {
  const { sessionId, photoId, step } = await paintedSession();
  const archive = await exportOf(api, sessionId);
  const other = await createTestApi();
  try {
    const { status, body } = await importInto(other, archive);
    expect([status, body["error"]]).toEqual([201, undefined]);
    const [, listed] = await other.call("GET", `/generation/sessions/${sessionId}/steps`);
    expect(listed.items[0]).toMatchObject({
      mask_url: step.mask_url,
      parameters: { mask_blur: 3 },
    });
    expect((await other.request(step.mask_url)).status).toBe(200);
    const [photo] = await other.deps.database.db
      .select()
      .from(photos)
      .where(eq(photos.id, photoId));
    expect(photo?.maskHash).toBe(step.mask_url.split("/").at(-1));
    expect(photo?.generation).toMatchObject({ maskBlur: 3, region: { width: 96 } });
  } finally {
    await other.close();
  }
});
