import { afterAll, describe, expect, test } from "bun:test";
import { and, asc, eq } from "drizzle-orm";
import { join } from "node:path";
import sharp from "sharp";
import { events } from "#db/schema/events";
import { grids } from "#db/schema/grids";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { slots, steps } from "#db/schema/steps";
import { thumbnailKey } from "#media/storage/keys";
import { type Body, createTestApi } from "#tests/support/api";
import { makeGenerated } from "#tests/support/made-session";
import { insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi({ MAX_GRID_CELLS: "12" });
const { db } = api.deps.database;
afterAll(() => api.close());

const model = await insertModel(db);
const other = await insertModel(db);

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  api.call(method, `/generation/grids${path}`, body, headers);

const step = (parameters: object = {}, rest: object = {}) => ({
  prompt: "a lighthouse at dusk",
  parameters: { model_key: model.key, ...parameters },
  ...rest,
});
const cfg = { field: "parameters.cfg_scale", values: [5, 7, 9] };
const sampler = { field: "parameters.scheduler", values: ["euler", "ddim"] };

async function make(body: object = {}): Promise<Body> {
  const [status, grid] = await call("POST", "", { axes: [cfg, sampler], step: step(), ...body });
  expect([status, grid.error]).toEqual([202, undefined]);
  return grid;
}

const stepsOf = (sessionId: string) =>
  db.select().from(steps).where(eq(steps.sessionId, sessionId)).orderBy(asc(steps.position));

const red = () =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: "#f00" } })
    .webp()
    .toBuffer();

const cellsOf = (grid: Body): Body[] => grid.cells.flat();

describe("a requested grid", () => {
  test("is a table of one step a cell, in a session of its own, whose workflow is notified once", async () => {
    const before = api.temporal.calls.length;
    const grid = await make({ title: " Lights " });
    expect(grid).toMatchObject({
      session_id: grid.id,
      title: "Lights",
      status: "active",
      rows: 2,
      columns: 3,
      axes: [cfg, sampler],
      counts: { pending: 6, processing: 0, completed: 0, failed: 0, cancelled: 0 },
    });
    expect(grid.cells.map((row: Body[]) => row.map(({ values }) => values))).toEqual([
      [
        [5, "euler"],
        [7, "euler"],
        [9, "euler"],
      ],
      [
        [5, "ddim"],
        [7, "ddim"],
        [9, "ddim"],
      ],
    ]);
    const made = await stepsOf(grid.id);
    expect(made.map(({ id }) => id)).toEqual(cellsOf(grid).map(({ step_id }) => step_id));
    for (const [at, { parameters }] of made.entries()) {
      const [cfgScale, scheduler] = cellsOf(grid)[at].values;
      expect(parameters).toMatchObject({ cfgScale, scheduler, batchSize: 1 });
    }
    // One random seed, so that only the values differ.
    expect(new Set(cellsOf(grid).map(({ seeds }) => seeds[0])).size).toBe(1);
    expect(api.temporal.calls.slice(before)).toEqual([["stepRequested", grid.id, made[0]!.id]]);
    const written = await db.select().from(events).where(eq(events.sessionId, grid.id));
    expect(written.map(({ type }) => type)).toEqual([
      "session.created",
      ...made.map(() => "step.requested" as const),
    ]);
    expect(await call("GET", `/${grid.id}`)).toEqual([200, grid]);
  });

  test("runs the cells of one model one after another, and shows them in their places", async () => {
    const models = { field: "parameters.model_key", values: [model.key, other.key] };
    const grid = await make({
      axes: [models, { field: "parameters.seed", values: [1, 2] }],
      step: { prompt: "a lighthouse" },
    });
    const made = await stepsOf(grid.id);
    expect(made.map(({ modelKey }) => modelKey)).toEqual([
      model.key,
      model.key,
      other.key,
      other.key,
    ]);
    expect(cellsOf(grid).map(({ seeds }) => seeds)).toEqual([[1], [1], [2], [2]]);
  });

  test.each([
    [{ field: "prompt", values: ["a {red|blue} boat", "a hill"] }, { expand: true }],
    [{ field: "negative_prompt", values: ["blur", null] }, {}],
    [{ field: "expand", values: [true, false] }, {}],
    [{ field: "parameters.loras", values: [[], null] }, {}],
  ])("may have the axis %j", async (axis, rest) => {
    const [status, answer] = await call("POST", "", { axes: [axis], step: step({}, rest) });
    const isNullable = axis.field !== "parameters.loras";
    expect([status, answer.rows ?? answer.error.details.errors[0].path]).toEqual(
      isNullable ? [202, 1] : [400, "cells.1.parameters.loras"],
    );
  });

  test("may have a part of a field as its axis; only the whole cells have to be complete", async () => {
    const body = step({}, { window: { from: "22:00" }, references: [{ role: "style" }] });
    const pathsOf = (answer: Body) => answer.error.details.errors.map(({ path }: Body) => path);
    const to = { field: "window.to", values: ["06:00", "07:00"] };
    const [status, grid] = await call("POST", "", {
      axes: [to],
      step: { ...body, references: [] },
    });
    expect([status, grid.columns]).toEqual([202, 2]);
    const [, noReference] = await call("POST", "", { axes: [to], step: body });
    expect(pathsOf(noReference)).toEqual(["step.references.0.image_id"]);
    const picture = { field: "references.0.image_id", values: [crypto.randomUUID()] };
    const [, unknown] = await call("POST", "", { axes: [to, picture], step: body });
    expect(unknown.error.details.errors).toEqual([
      { path: "step.references.0.image_id", message: "There is no such photo." },
    ]);
    const [, noWindow] = await call("POST", "", { axes: [picture], step: body });
    expect(pathsOf(noWindow)).toEqual(["step.window.to"]);
  });

  test("is made once for one Idempotency-Key, also when the first answer was lost", async () => {
    const send = () =>
      call("POST", "", { axes: [cfg], step: step() }, { "idempotency-key": "grid" });
    const answers = await Promise.all([send(), send()]);
    answers.push(await send());
    expect(new Set(answers.map(([, { id }]) => id)).size).toBe(1);
    expect(await stepsOf(answers[0]![1].id)).toHaveLength(3);
  });

  test("is accepted while the workflow service is away, and its cells wait", async () => {
    api.temporal.isAway = true;
    try {
      const grid = await make();
      expect(cellsOf(grid)[0].progress_message).toBe("Waiting for the workflow service.");
      expect(grid.counts.pending).toBe(6);
    } finally {
      api.temporal.isAway = false;
    }
  });
});

describe("a grid that cannot be requested leaves nothing behind:", () => {
  const count = async () => [
    await db.$count(sessions),
    await db.$count(steps),
    await db.$count(grids),
    await db.$count(events),
  ];

  const bad: [string, object, string[]][] = [
    [
      "more cells than MAX_GRID_CELLS",
      {
        axes: [
          { field: "parameters.seed", values: [1, 2, 3, 4] },
          { ...cfg, values: [1, 2, 3, 4] },
        ],
      },
      ["axes"],
    ],
    ["the same field twice", { axes: [cfg, cfg] }, ["axes.1.field"]],
    ["the same value twice", { axes: [{ ...cfg, values: [5, 7, 5] }] }, ["axes.0.values.2"]],
    ["no axes", { axes: [] }, ["axes"]],
    ["three axes", { axes: [cfg, sampler, { field: "prompt", values: ["a"] }] }, ["axes"]],
    ["an empty axis", { axes: [{ ...cfg, values: [] }] }, ["axes.0.values"]],
    [
      "a field that a step does not have",
      { axes: [{ field: "parameters.constructor", values: [1, 2] }] },
      ["step.parameters.constructor"],
    ],
    ["__proto__", { axes: [{ field: "__proto__.x", values: [1] }] }, ["axes.0.field"]],
    ["a field of a text", { axes: [{ field: "prompt.length", values: [1] }] }, ["axes.0.field"]],
    [
      "a place behind the end of a list",
      {
        axes: [{ field: "parameters.loras.4000000000.weight", values: [1] }],
        step: step({ loras: [] }),
      },
      ["axes.0.field"],
    ],
    [
      "the length of a list",
      { axes: [{ field: "parameters.loras.length", values: [4e9] }], step: step({ loras: [] }) },
      ["axes.0.field"],
    ],
    [
      "a value of another type in one cell",
      { axes: [{ ...cfg, values: [5, "7"] }] },
      ["cells.1.parameters.cfg_scale"],
    ],
    [
      "a value in the last cell that the base refuses",
      { axes: [{ ...cfg, values: [5, 7, 500] }] },
      ["cells.2.parameters.cfg_scale"],
    ],
    [
      "an unknown model in one cell",
      { axes: [{ field: "parameters.model_key", values: [model.key, "gone"] }] },
      ["cells.1.parameters.model_key"],
    ],
    [
      "an unknown picture in one cell",
      { axes: [{ field: "source_image_id", values: [null, crypto.randomUUID()] }] },
      ["cells.1.source_image_id"],
    ],
    ["a fault of all cells, named once", { step: step({ width: 65 }) }, ["step.parameters.width"]],
    ["an unknown field of the step", { step: { ...step(), parent_id: null } }, ["step.parent_id"]],
  ];
  test.each(bad)("%s", async (_, body, paths) => {
    const before = await count();
    const [status, answer] = await call("POST", "", {
      axes: [cfg, sampler],
      step: step(),
      ...body,
    });
    expect([status, answer.error.details?.errors.map((fault: Body) => fault.path)]).toEqual([
      400,
      paths,
    ]);
    expect(await count()).toEqual(before);
  });

  test("the faults of a cell name its values", async () => {
    const [, answer] = await call("POST", "", {
      axes: [{ ...cfg, values: [5, 500] }, sampler],
      step: step(),
    });
    expect(answer.error.details.errors[0].message).toBe(
      "with parameters.cfg_scale = 500, parameters.scheduler = euler: a number from 1 to 200",
    );
  });
});

test("grids are listed, newest first, without their cells", async () => {
  const ids = [(await make()).id, (await make()).id].toReversed();
  const [, first] = await call("GET", "?limit=1");
  expect(first.items).toMatchObject([{ id: ids[0], rows: 2, counts: { pending: 6 } }]);
  expect(first.items[0].cells).toBeUndefined();
  const [, second] = await call("GET", `?limit=1&cursor=${first.next_cursor}`);
  expect(second.items[0].id).toBe(ids[1]);
});

test("a cancelled grid cancels what has not ended, and keeps the rest", async () => {
  const grid = await make();
  const [first, second, third] = await stepsOf(grid.id);
  await db
    .update(steps)
    .set({ status: "completed", completedAt: new Date() })
    .where(eq(steps.id, first!.id));
  await db.update(steps).set({ status: "processing" }).where(eq(steps.id, second!.id));
  const before = api.temporal.calls.length;
  expect((await call("POST", `/${grid.id}/cancel`))[0]).toBe(202);
  const after = await stepsOf(grid.id);
  expect(after.map(({ cancelRequestedAt }) => cancelRequestedAt !== null)).toEqual([
    false,
    ...Array(5).fill(true),
  ]);
  // The running one, and one for all that wait.
  expect(api.temporal.calls.slice(before)).toEqual([
    ["stepCancelled", grid.id, second!.id],
    ["stepCancelled", grid.id, third!.id],
  ]);
  expect((await call("POST", `/${grid.id}/cancel`))[0]).toBe(202);
  await db
    .update(steps)
    .set({ status: "cancelled", completedAt: new Date() })
    .where(and(eq(steps.sessionId, grid.id), eq(steps.status, "pending")));
  await db
    .update(steps)
    .set({ status: "completed", completedAt: new Date() })
    .where(eq(steps.id, second!.id));
  expect((await call("POST", `/${grid.id}/cancel`))[0]).toBe(409);
  expect((await call("GET", `/${grid.id}`))[1].counts).toMatchObject({
    completed: 2,
    cancelled: 4,
  });
});

test("a deleted grid is gone with its session, and its images go to the trash", async () => {
  const grid = await make();
  const [first] = await stepsOf(grid.id);
  const photo = await insertPhoto(db, {
    kind: "generated",
    sessionId: grid.id,
    stepId: first!.id,
    slotIndex: 0,
  });
  await db
    .update(steps)
    .set({ status: "completed", completedAt: new Date() })
    .where(eq(steps.sessionId, grid.id));
  expect((await call("DELETE", `/${grid.id}`))[0]).toBe(204);
  for (const path of [`/${grid.id}`, `/${grid.id}/sheet`]) {
    expect((await call("GET", path))[0]).toBe(404);
  }
  expect((await call("POST", `/${grid.id}/cancel`))[0]).toBe(404);
  expect((await call("DELETE", `/${grid.id}`))[0]).toBe(404);
  expect(await db.$count(grids, eq(grids.id, grid.id))).toBe(0);
  const [trashed] = await db.select().from(photos).where(eq(photos.id, photo.id));
  expect(trashed!.deletedAt).not.toBeNull();
  // A session that is no grid.
  const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  for (const method of ["GET", "DELETE"]) {
    expect((await call(method, `/${session.id}`))[0]).toBe(404);
  }
});

describe("the contact sheet", () => {
  const drawn = async (id: string) => {
    const response = await api.request(`/api/v1/generation/grids/${id}/sheet`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/webp"]);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { bytes, ...(await sharp(bytes).metadata()) };
  };

  test("shows the picture of each cell, the selected one first, and why there is none", async () => {
    const grid = await make({
      title: "<b>&Ж漢\u{1F6A4} </b>",
      axes: [{ field: "prompt", values: ["</text>&amp;<i>", "x".repeat(2_000)] }, cfg],
    });
    const empty = await drawn(grid.id);
    const made = await stepsOf(grid.id);
    const ids: string[] = [];
    for (const { id } of [made[0]!, made[0]!]) {
      const slotIndex = ids.length;
      if (slotIndex > 0) await db.insert(slots).values({ stepId: id, index: 1, seed: 7 });
      ids.push(await makeGenerated(api, { sessionId: grid.id, stepId: id, slotIndex }));
    }
    const first = await drawn(grid.id);
    expect(first.bytes).not.toEqual(empty.bytes);
    expect([first.width, first.height]).toEqual([empty.width!, empty.height!]);
    expect(await drawn(grid.id)).toEqual(first);
    await Bun.write(join(api.dataDir, thumbnailKey(ids[1]!)), await red());
    await db.update(steps).set({ selectedImageId: ids[1]! }).where(eq(steps.id, made[0]!.id));
    expect((await drawn(grid.id)).bytes).not.toEqual(first.bytes);
    const [, { cells }] = await call("GET", `/${grid.id}`);
    expect(cells[0][0].images).toMatchObject([
      { image_id: ids[0], selected: false, retrieval_status: "completed" },
      { image_id: ids[1], selected: true },
    ]);
  });

  test("of one axis is wrapped", async () => {
    const grid = await make({
      axes: [{ field: "parameters.seed", values: [1, 2, 3, 4, 5, 6, 7, 8, 9] }],
    });
    expect(grid).toMatchObject({ rows: 1, columns: 9 });
    const { width, height } = await drawn(grid.id);
    expect(width! / height!).toBeGreaterThan(0.8);
    expect(Math.max(width!, height!)).toBeLessThan(4_500);
  });
});
