import { t } from "elysia";
import {
  countModels,
  deleteGoneModel,
  findModel,
  findModelsSyncedAt,
  listModels,
  listVaes,
  setModelFavorite,
} from "#db/queries/models/models";
import { listAvailableModels } from "#db/queries/models/available-models";
import type { Model } from "#db/schema/models";
import { AppError, conflict, notFound } from "#errors";
import { textKey } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { answerJson, listBody, listOf, pageOf, pageQuery, readPage } from "../../lists/lists";
import { createModule } from "../../http/module";
import { modelSchema, modelToWire, vaeBasesOf } from "./model";
import { readReferenceUsability, readUsability } from "../generation/read-usability";
import { refreshedSchema, refreshedToWire } from "./refreshed";

const byKey = t.Object({
  key: t.String({ minLength: 1, maxLength: 200, description: "The key of a model" }),
});
const lastUpdated = t.Nullable(t.String({ format: "date-time" }));
const modelsSchema = t.Object({ ...listOf(modelSchema).properties, last_updated: lastUpdated });

/** The models of the place in force as the worker last recorded them. The api itself does not call InvokeAI. */
export function createModelRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  async function show(models: Model[]) {
    const vaes = await listVaes(db, [...new Set(models.flatMap(vaeBasesOf))]);
    const usabilityOf = await readUsability(db, models);
    const referencesOf = await readReferenceUsability(db, models);
    return models.map((model) => modelToWire(model, vaes, usabilityOf(model), referencesOf(model)));
  }

  async function showOne(model: Model | undefined) {
    const [shown] = model ? await show([model]) : [];
    if (!shown) throw notFound("model");
    return shown;
  }

  return createModule({
    name: "model-list",
    prefix: "/api/v1/models",
    tags: ["models"],
  })
    .get(
      "",
      async ({ query, request }) => {
        const page = pageOf(query);
        const filter = {
          type: query.type ?? "main",
          base: query.base ?? null,
          favorite: query.favorite ?? null,
          available: query.available ?? null,
          q: query.q ?? null,
        };
        const models = await readPage(page, {
          scope: ["models", filter],
          parseKeys: ([name, key]) => ({ name: textKey(name), key: textKey(key) }),
          rows: (part) => listModels(db, { filter, ...part }),
          keysOf: ({ name, key }) => [name, key],
          count: () => countModels(db, filter),
        });
        const list = listBody(page, models, await show(models.rows));
        const syncedAt = await findModelsSyncedAt(db);
        return answerJson<typeof modelsSchema.static>(request, {
          ...list,
          last_updated: syncedAt?.toISOString() ?? null,
        });
      },
      {
        query: t.Object({
          ...pageQuery(),
          type: t.Optional(t.String({ minLength: 1, maxLength: 100 })),
          base: t.Optional(t.String({ minLength: 1, maxLength: 100 })),
          favorite: t.Optional(t.Boolean()),
          available: t.Optional(t.Boolean({ description: "Whether InvokeAI has it now" })),
          q: t.Optional(t.String({ maxLength: 200 })),
        }),
        response: { 200: modelsSchema },
        detail: { summary: "Models by name; only those of type `main` unless `type` is given" },
      },
    )
    .get("/:key", async ({ params }) => showOne(await findModel(db, params.key)), {
      params: byKey,
      response: { 200: modelSchema, ...faults(404) },
      detail: { summary: "A model" },
    })
    .delete(
      "/:key",
      async ({ params, set }) => {
        set.status = 204;
        if (await deleteGoneModel(db, params.key)) return;
        if ((await findModel(db, params.key)) === undefined) throw notFound("model");
        throw conflict(
          "An InvokeAI of this gallery has this model; remove it there first, then refresh the models.",
        );
      },
      {
        params: byKey,
        response: { 204: t.Void(), ...faults(404, 409) },
        detail: { summary: "Delete the record of a model that no InvokeAI has any more" },
      },
    )
    .post(
      "/refresh",
      async () => {
        const read = await deps.temporal.refreshModels();
        if ("away" in read) throw notRunning(read.away);
        const syncedAt = await findModelsSyncedAt(db);
        const mains = await listAvailableModels(db, ["main"]);
        return {
          success: true,
          models_count: read.modelsCount,
          ...refreshedToWire(mains, await readUsability(db, mains)),
          last_updated: syncedAt?.toISOString() ?? null,
        };
      },
      {
        response: {
          200: t.Object({
            success: t.Boolean(),
            models_count: t.Integer(),
            ...refreshedSchema.properties,
            last_updated: lastUpdated,
          }),
          ...faults(409, 502, 503),
        },
        detail: {
          summary: "Read the models from InvokeAI now",
          description:
            "The answer lists the main models that images can be generated with, and what each other one lacks. It never rents a GPU: 409 `pod_error` while none runs that is needed.",
        },
      },
    )
    .post(
      "/:key/favorite",
      async ({ params, body }) =>
        showOne(await setModelFavorite(db, { key: params.key, isFavorite: body.is_favorite })),
      {
        params: byKey,
        body: t.Object({ is_favorite: t.Boolean() }, { additionalProperties: false }),
        response: { 200: modelSchema, ...faults(404) },
        detail: { summary: "Set or clear a model's favourite mark" },
      },
    );
}

function notRunning(reason: string): AppError {
  return new AppError({
    kind: "conflict",
    code: "pod_error",
    message: `${reason} Models can be read only while a GPU is rented, and reading them rents none; the list is that of the last time.`,
  });
}
