import { t } from "elysia";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { requestInstall, requestInstallCancel } from "#db/queries/models/install-requests";
import { countInstalls, findInstall, listInstalls } from "#db/queries/models/installs";
import { findStarterList } from "#db/queries/models/starters";
import type { ModelInstall } from "#db/schema/model-installs";
import { conflict, invalid, notFound } from "#errors";
import { expectedSource, parseModelSource } from "#model-sources";
import { modelInstallId } from "#workflows/model-install/contract";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { parseTimeKeys, timeKeys } from "../../lists/cursor";
import { listOf, pageOf, pageQuery, answerList } from "../../lists/lists";
import {
  installBody,
  installParams,
  installSchema,
  installToWire,
  startersSchema,
  startersToWire,
} from "./install-model";

/** Installs of models at the place in force, done by the worker. */
export function createInstallRoutes(deps: ApiDeps) {
  const { db } = deps.database;
  const toWire = (row: ModelInstall) =>
    installToWire(row, deps.temporal.workflowUrl(modelInstallId(row.id)));

  async function show(id: string) {
    const row = await findInstall(db, id);
    if (!row) throw notFound("install");
    return toWire(row);
  }

  return createModule({ name: "model-installs", prefix: "/api/v1/models", tags: ["models"] })
    .use(createIdempotency(deps))
    .get("/starters", async () => startersToWire(await findStarterList(db)), {
      response: { 200: startersSchema },
      detail: { summary: "Models that InvokeAI offers to begin with, as last read" },
    })
    .post(
      "/install",
      async ({ body, once, status }) => {
        const source = body.source.trim();
        const answer = await once.answer({ source }, async (id) => {
          if (parseModelSource(source) === undefined) throw noSource();
          const { modelList: place } = await getPlaceInForce(db);
          const now = deps.now();
          const row = await requestInstall(db, { id, place, source, podSessionId: null, now });
          if (row.completedAt === null) {
            await Promise.all([
              deps.temporal.installChanged(row.id),
              // A pod may have to be rented for it.
              ...(place === "local" ? [] : [deps.temporal.backendChanged()]),
            ]);
          }
          return { status: 202, body: toWire(row) };
        });
        return status(202, answer.body);
      },
      {
        body: installBody,
        response: { 202: installSchema, ...faults(409) },
        createsOnce: true,
        detail: { summary: "Install a model in InvokeAI" },
      },
    )
    .get(
      "/installs",
      async ({ query, request }) => {
        const page = pageOf(query);
        return answerList(request, page, {
          item: installSchema,
          scope: ["model installs"],
          parseKeys: parseTimeKeys,
          rows: (part) => listInstalls(db, part),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countInstalls(db),
          toWire,
        });
      },
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(installSchema) },
        detail: { summary: "Installs of models, newest first" },
      },
    )
    .get("/installs/:id", ({ params }) => show(params.id), {
      params: installParams,
      response: { 200: installSchema, ...faults(404) },
      detail: { summary: "An install of a model" },
    })
    .post(
      "/installs/:id/cancel",
      async ({ params, status }) => {
        const isAsked = await requestInstallCancel(db, { id: params.id, now: deps.now() });
        const shown = await show(params.id);
        if (!isAsked && shown.status !== "cancelled") throw conflict("This install has ended.");
        await deps.temporal.installChanged(params.id);
        return status(202, shown);
      },
      {
        params: installParams,
        response: { 202: installSchema, ...faults(404, 409) },
        detail: { summary: "Cancel an install of a model" },
      },
    );
}

function noSource() {
  return invalid("This is no source that a model can be installed from.", [
    { path: "source", message: expectedSource },
  ]);
}
