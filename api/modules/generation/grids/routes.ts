import { t } from "elysia";
import {
  countGrids,
  findGrid,
  type GridView,
  listGridImages,
  listGrids,
} from "#db/queries/grids/grids";
import { listStepViews } from "#db/queries/generation/step-views";
import { notFound } from "#errors";
import type { ApiDeps } from "../../../deps";
import { tidyTitle } from "../../../fields/text";
import { faults } from "../../../http/error-body";
import { createIdempotency } from "../../../http/idempotency";
import { createModule } from "../../../http/module";
import { imageDetail } from "../../../http/responses/file-answer";
import { parseTimeKeys, timeKeys } from "../../../lists/cursor";
import { answerList, listOf, pageOf, pageQuery } from "../../../lists/lists";
import { deleteSession } from "../sessions";
import { cancelGrid, requestGrid } from "./grids";
import { gridBody, gridSchema, gridSummary, gridToWire, summaryToWire } from "./model";
import { drawSheet } from "./sheet";

const byId = t.Object({ id: t.String({ format: "uuid" }) });

/** Routes of grids: many steps that differ in one or two fields. */
export function createGridRoutes(deps: ApiDeps) {
  const { db } = deps.database;
  const { timeZone } = deps.config;

  async function getGrid(id: string): Promise<GridView> {
    const grid = await findGrid(db, id);
    if (!grid) throw notFound("grid");
    return grid;
  }

  async function show(id: string) {
    const grid = await getGrid(id);
    const limit = grid.stepIds.length;
    const steps = await listStepViews(db, { sessionId: id, afterPosition: null, limit, offset: 0 });
    const images = await listGridImages(db, grid.stepIds);
    return gridToWire(grid, new Map(steps.map((step) => [step.id, step])), images, timeZone);
  }

  return createModule({ prefix: "/api/v1/generation/grids", tags: ["generation"] })
    .use(createIdempotency(deps))
    .post(
      "",
      async ({ body, once, status }) => {
        const { axes, step } = body;
        const title = tidyTitle(body.title ?? null);
        const answer = await once.answer({ axes, step, title }, async (id) => {
          await requestGrid(deps, { id, title, axes, step });
          return { status: 202, body: await show(id) };
        });
        return status(202, answer.body);
      },
      {
        body: gridBody,
        response: { 202: gridSchema, ...faults(400, 404, 409) },
        createsOnce: true,
        detail: {
          summary: "Request a grid: one step for each combination of values",
          description:
            "The grid is a session of its own. Every cell is checked before anything is written: one that cannot be requested refuses the whole grid.",
        },
      },
    )
    .get(
      "",
      async ({ query, request }) =>
        answerList(request, pageOf(query), {
          item: gridSummary,
          scope: ["grids"],
          parseKeys: parseTimeKeys,
          rows: (part) => listGrids(db, part),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countGrids(db),
          toWire: summaryToWire,
        }),
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(gridSummary) },
        detail: { summary: "Grids, newest first, without their cells" },
      },
    )
    .get("/:id", ({ params }) => show(params.id), {
      params: byId,
      response: { 200: gridSchema, ...faults(404) },
      detail: { summary: "A grid as a table, with the state and the images of each cell" },
    })
    .get(
      "/:id/sheet",
      async ({ params }) =>
        new Response(Buffer.from(await drawSheet(deps, await getGrid(params.id))), {
          headers: { "content-type": "image/webp", "cache-control": "private, no-cache" },
        }),
      {
        params: byId,
        response: faults(404),
        detail: imageDetail("The contact sheet of a grid, with the values of its axes"),
      },
    )
    .post(
      "/:id/cancel",
      async ({ params, status }) => {
        await cancelGrid(deps, params.id);
        return status(202, await show(params.id));
      },
      {
        params: byId,
        response: { 202: gridSchema, ...faults(404, 409) },
        detail: { summary: "Cancel the cells that have not ended; images that exist are kept" },
      },
    )
    .delete(
      "/:id",
      async ({ params, set }) => {
        await getGrid(params.id);
        await deleteSession(deps, params.id);
        set.status = 204;
      },
      {
        params: byId,
        response: { 204: t.Void(), ...faults(404) },
        detail: {
          summary: "Delete a grid with its session, as DELETE /generation/sessions/{id}",
        },
      },
    );
}
