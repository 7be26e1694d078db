import { t } from "elysia";
import {
  countRecipes,
  deleteRecipe,
  findRecipe,
  insertRecipe,
  listRecipes,
  lockRecipe,
  updateRecipe,
} from "#db/queries/recipes/recipes";
import { countLibrary, listLibrary } from "#db/queries/recipes/recipe-sources";
import type { Recipe } from "#db/schema/recipes";
import { invalid, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { tidyTitle } from "../../fields/text";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { parseTimeKeys, textKey, timeKeys } from "../../lists/cursor";
import { answerList, listOf, pageOf, pageQuery } from "../../lists/lists";
import { changeInputs } from "./change";
import { convertSource } from "./create";
import {
  libraryToWire,
  libraryWorkflowSchema,
  recipeBody,
  recipeChange,
  recipeParams,
  recipeSchema,
  recipesQuery,
  recipeToWire,
} from "./model";

/** Workflows of InvokeAI that steps can run. */
export function createRecipesModule(deps: ApiDeps) {
  const { db } = deps.database;

  function show(row: Recipe | undefined) {
    if (!row) throw notFound("recipe");
    return recipeToWire(row);
  }

  return createModule({ name: "recipes", prefix: "/api/v1/recipes", tags: ["recipes"] })
    .use(createIdempotency(deps))
    .get(
      "",
      async ({ query, request }) => {
        const q = query.q ?? null;
        return answerList(request, pageOf(query), {
          item: recipeSchema,
          scope: ["recipes", q],
          parseKeys: parseTimeKeys,
          rows: (part) => listRecipes(db, { q, ...part }),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countRecipes(db, q),
          toWire: recipeToWire,
        });
      },
      {
        query: recipesQuery,
        response: { 200: listOf(recipeSchema) },
        detail: { summary: "Recipes, newest first" },
      },
    )
    .get(
      "/library",
      async ({ query, request }) =>
        answerList(request, pageOf(query), {
          item: libraryWorkflowSchema,
          scope: ["recipe-library"],
          parseKeys: ([name, workflowId]) => ({
            name: textKey(name),
            workflowId: textKey(workflowId),
          }),
          rows: (part) => listLibrary(db, part),
          keysOf: ({ name, workflowId }) => [name, workflowId],
          count: () => countLibrary(db),
          toWire: libraryToWire,
        }),
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(libraryWorkflowSchema) },
        detail: { summary: "The workflows in InvokeAI's library, as last read, by name" },
      },
    )
    .post(
      "",
      async ({ body, once, status }) => {
        const name = tidyTitle(body.name ?? null);
        if (body.name !== undefined && name === null) {
          throw invalid("A recipe needs a name.", [
            { path: "name", message: "1 to 200 characters" },
          ]);
        }
        const description =
          body.description === undefined ? undefined : tidyTitle(body.description);
        const source = {
          libraryId: body.library_id ?? undefined,
          workflow: body.workflow,
          photoId: body.photo_id ?? undefined,
        };
        // Idempotency treats null as an absent field, but here they differ.
        const meaning = { ...source, name, description, isWithout: description === null };
        const answer = await once.answer(meaning, async (id) => {
          const found = await convertSource(deps, source);
          await insertRecipe(db, {
            id,
            ...found,
            ...(name !== null && { name }),
            ...(description !== undefined && { description }),
          });
          return { status: 201, body: show(await findRecipe(db, id)) };
        });
        return status(201, answer.body);
      },
      {
        body: recipeBody,
        response: { 201: recipeSchema, ...faults(400, 404, 409) },
        createsOnce: true,
        detail: {
          summary: "Make a recipe from a workflow",
          description:
            "400 `invokeai_graph_error` names each node that a recipe may not hold, in `details.errors`.",
        },
      },
    )
    .get("/:id", async ({ params }) => show(await findRecipe(db, params.id)), {
      params: recipeParams,
      response: { 200: recipeSchema, ...faults(404) },
      detail: { summary: "A recipe" },
    })
    .patch(
      "/:id",
      async ({ params, body }) => {
        const name = body.name === undefined ? undefined : tidyTitle(body.name);
        if (name === null) {
          throw invalid("A recipe needs a name.", [
            { path: "name", message: "1 to 200 characters" },
          ]);
        }
        const changed = await db.transaction(async (tx) => {
          const recipe = await lockRecipe(tx, params.id);
          if (!recipe) throw notFound("recipe");
          const change = {
            ...(name !== undefined && { name }),
            ...(body.description !== undefined && { description: tidyTitle(body.description) }),
            ...(body.inputs && { template: changeInputs(recipe.template, body.inputs) }),
          };
          return updateRecipe(tx, { id: params.id, change, now: deps.now() });
        });
        return show(changed);
      },
      {
        params: recipeParams,
        body: recipeChange,
        response: { 200: recipeSchema, ...faults(404) },
        detail: { summary: "Change a recipe's name, or correct roles and labels of its inputs" },
      },
    )
    .delete(
      "/:id",
      async ({ params, set }) => {
        if (!(await deleteRecipe(db, { id: params.id, now: deps.now() }))) {
          throw notFound("recipe");
        }
        set.status = 204;
      },
      {
        params: recipeParams,
        response: { 204: t.Void(), ...faults(404) },
        detail: { summary: "Delete a recipe; steps that were requested with it go on" },
      },
    );
}
