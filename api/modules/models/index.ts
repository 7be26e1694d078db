import { Elysia, t } from "elysia";
import {
  countModels,
  findModel,
  findModelsSyncedAt,
  listModels,
  listVaes,
  setModelFavorite,
} from "#db/queries/models";
import type { Model } from "#db/schema/models";
import { notFound } from "#errors";
import { textKey } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { answerJson, listBody, listOf, pageOf, pageQuery, readPage } from "../../lists";
import { modelSchema, modelToWire } from "./model";

const byKey = t.Object({ key: t.String({ minLength: 1, maxLength: 200 }) });
const lastUpdated = t.Nullable(t.String({ format: "date-time" }));

/** InvokeAI's models as the worker last saw them; nothing here talks to InvokeAI. */
export function createModelsModule(deps: ApiDeps) {
  const { db } = deps.database;

  async function show(models: Model[]) {
    const vaes = await listVaes(db, [...new Set(models.map((model) => model.base))]);
    return models.map((model) => modelToWire(model, vaes));
  }

  async function showOne(model: Model | undefined) {
    const [shown] = model ? await show([model]) : [];
    if (!shown) throw notFound("model");
    return shown;
  }

  return new Elysia({
    name: "models",
    prefix: "/api/v1/models",
    normalize: false,
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
          q: query.q ?? null,
        };
        const models = await readPage(page, {
          scope: ["models", filter],
          placeOf: ([name, key]) => ({ name: textKey(name), key: textKey(key) }),
          rows: (part) => listModels(db, { filter, ...part }),
          keysOf: ({ name, key }) => [name, key],
          count: () => countModels(db, filter),
        });
        const list = listBody(page, models, await show(models.rows));
        const syncedAt = await findModelsSyncedAt(db);
        return answerJson(request, { ...list, last_updated: syncedAt?.toISOString() ?? null });
      },
      {
        query: t.Object({
          ...pageQuery(),
          type: t.Optional(t.String({ minLength: 1, maxLength: 100 })),
          base: t.Optional(t.String({ minLength: 1, maxLength: 100 })),
          favorite: t.Optional(t.Boolean()),
          q: t.Optional(t.String({ maxLength: 200 })),
        }),
        response: {
          200: t.Object({ ...listOf(modelSchema).properties, last_updated: lastUpdated }),
        },
        detail: { summary: "Models by name; those that pictures are made with unless `type` says" },
      },
    )
    .get("/:key", async ({ params }) => showOne(await findModel(db, params.key)), {
      params: byKey,
      response: { 200: modelSchema, ...faults(404) },
      detail: { summary: "A model" },
    })
    .post(
      "/refresh",
      async () => {
        const { modelsCount } = await deps.temporal.refreshModels();
        const syncedAt = await findModelsSyncedAt(db);
        return {
          success: true,
          models_count: modelsCount,
          last_updated: syncedAt?.toISOString() ?? null,
        };
      },
      {
        response: {
          200: t.Object({
            success: t.Boolean(),
            models_count: t.Integer(),
            last_updated: lastUpdated,
          }),
          ...faults(502, 503),
        },
        detail: { summary: "Read the models from InvokeAI now" },
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
        detail: { summary: "Mark a model as a favourite, or not" },
      },
    );
}
