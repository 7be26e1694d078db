import { t } from "elysia";
import {
  countTemplates,
  deleteTemplate,
  findTemplate,
  insertTemplate,
  listTemplates,
  type TemplateFields,
  updateTemplate,
} from "#db/queries/templates/templates";
import type { Template } from "#db/schema/templates";
import { notFound } from "#errors";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { listOf, pageOf, answerList } from "../../lists/lists";
import { createModule } from "../../http/module";
import { tidyTitle } from "../../fields/text";
import {
  templateBody,
  templateChange,
  templateParams,
  templateSchema,
  templatesQuery,
  templateToWire,
  toTemplateFields,
} from "./model";

/** Saved prompts. */
export function createTemplatesModule(deps: ApiDeps) {
  const { db } = deps.database;

  function show(row: Template | undefined) {
    if (!row) throw notFound("template");
    return templateToWire(row);
  }

  return createModule({
    name: "templates",
    prefix: "/api/v1/templates",
    tags: ["templates"],
  })
    .use(createIdempotency(deps))
    .get(
      "",
      async ({ query, request }) => {
        const page = pageOf(query);
        const filter = {
          favorite: query.favorite ?? null,
          category: tidyTitle(query.category ?? null),
          q: query.q ?? null,
        };
        return answerList(request, page, {
          item: templateSchema,
          scope: ["templates", filter],
          parseKeys: parseTimeKeys,
          rows: (part) => listTemplates(db, { filter, ...part }),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countTemplates(db, filter),
          toWire: templateToWire,
        });
      },
      {
        query: templatesQuery,
        response: { 200: listOf(templateSchema) },
        detail: { summary: "Templates, newest first" },
      },
    )
    .post(
      "",
      async ({ body, once, status }) => {
        const wanted = { ...empty, ...toTemplateFields(body) };
        const answer = await once.answer(wanted, async (id) => {
          await insertTemplate(db, { id, ...wanted });
          return { status: 201, body: show(await findTemplate(db, id)) };
        });
        return status(201, answer.body);
      },
      {
        body: templateBody,
        response: { 201: templateSchema, ...faults(409) },
        createsOnce: true,
        detail: { summary: "Create a template" },
      },
    )
    .get("/:id", async ({ params }) => show(await findTemplate(db, params.id)), {
      params: templateParams,
      response: { 200: templateSchema, ...faults(404) },
      detail: { summary: "A template" },
    })
    .patch(
      "/:id",
      async ({ params, body }) => {
        const change = toTemplateFields(body);
        return show(await updateTemplate(db, { id: params.id, change, now: deps.now() }));
      },
      {
        params: templateParams,
        body: templateChange,
        response: { 200: templateSchema, ...faults(404) },
        detail: { summary: "Change a template; null clears an optional field" },
      },
    )
    .delete(
      "/:id",
      async ({ params, set }) => {
        if (!(await deleteTemplate(db, params.id))) throw notFound("template");
        set.status = 204;
      },
      {
        params: templateParams,
        response: { 204: t.Void(), ...faults(404) },
        detail: { summary: "Delete a template" },
      },
    );
}

/** Fields that a body may omit. It always has a name and a prompt. */
const empty: TemplateFields = {
  name: "",
  description: null,
  promptText: "",
  negativePrompt: null,
  category: null,
  isFavorite: false,
};
