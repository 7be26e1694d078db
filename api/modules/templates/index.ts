import { Elysia, t } from "elysia";
import {
  countTemplates,
  deleteTemplate,
  findTemplate,
  insertTemplate,
  listTemplates,
  type TemplateFields,
  updateTemplate,
} from "#db/queries/templates";
import type { Template } from "#db/schema/templates";
import { notFound } from "#errors";
import { timeKeys, timePlace } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { answerOnce, createsOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { answerJson, listBody, listOf, pageOf, readPage } from "../../lists";
import { tidyTitle } from "../../text";
import {
  templateBody,
  templateChange,
  templateParams,
  templateSchema,
  templatesQuery,
  templateToWire,
  toTemplateFields,
} from "./model";

/** Prompts kept to be used again. */
export function createTemplatesModule(deps: ApiDeps) {
  const { db } = deps.database;

  function show(row: Template | undefined) {
    if (!row) throw notFound("template");
    return templateToWire(row);
  }

  return new Elysia({
    name: "templates",
    prefix: "/api/v1/templates",
    normalize: false,
    tags: ["templates"],
  })
    .get(
      "",
      async ({ query, request }) => {
        const page = pageOf(query);
        const filter = {
          favorite: query.favorite ?? null,
          category: tidyTitle(query.category ?? null),
          q: query.q ?? null,
        };
        const templates = await readPage(page, {
          scope: ["templates", filter],
          placeOf: timePlace,
          rows: (part) => listTemplates(db, { filter, ...part }),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countTemplates(db, filter),
        });
        return answerJson(request, listBody(page, templates, templates.rows.map(templateToWire)));
      },
      {
        query: templatesQuery,
        response: { 200: listOf(templateSchema) },
        detail: { summary: "Templates, newest first" },
      },
    )
    .post(
      "",
      async ({ body, request, status }) => {
        const wanted = { ...empty, ...toTemplateFields(body) };
        const answer = await answerOnce(
          deps,
          {
            route: "POST /api/v1/templates",
            key: idempotencyKeyOf(request),
            fingerprint: fingerprintOf(wanted),
          },
          async (id) => {
            await insertTemplate(db, { id, ...wanted });
            return { status: 201, body: show(await findTemplate(db, id)) };
          },
        );
        return status(201, answer.body as typeof templateSchema.static);
      },
      {
        body: templateBody,
        response: { 201: templateSchema, ...faults(409) },
        detail: { ...createsOnce, summary: "Keep a prompt" },
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
        detail: { summary: "Change a template; null takes an optional field away" },
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

/** Name and prompt always come with the body. */
const empty: TemplateFields = {
  name: "",
  description: null,
  promptText: "",
  negativePrompt: null,
  category: null,
  isFavorite: false,
};
