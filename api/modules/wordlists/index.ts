import { t } from "elysia";
import { countWordlists, listWordlists } from "#db/queries/wordlists/wordlists";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { textKey } from "../../lists/cursor";
import { answerList, listOf, pageOf, pageQuery } from "../../lists/lists";
import {
  summaryToWire,
  toWordlist,
  wordlistBody,
  wordlistChange,
  wordlistParams,
  wordlistSchema,
  wordlistSummary,
  wordlistToWire,
} from "./model";
import { changeWordlist, createWordlist, getWordlist, removeWordlist } from "./wordlists";

/** Lists of words for expanded prompts. */
export function createWordlistsModule(deps: ApiDeps) {
  const { db } = deps.database;

  return createModule({ name: "wordlists", prefix: "/api/v1/wordlists", tags: ["wordlists"] })
    .use(createIdempotency(deps))
    .get(
      "",
      async ({ query, request }) =>
        answerList(request, pageOf(query), {
          item: wordlistSummary,
          scope: ["wordlists"],
          parseKeys: ([name]) => textKey(name),
          rows: ({ after: afterName, ...part }) => listWordlists(db, { afterName, ...part }),
          keysOf: ({ name }) => [name],
          count: () => countWordlists(db),
          toWire: summaryToWire,
        }),
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(wordlistSummary) },
        detail: { summary: "Word lists by name, without their entries" },
      },
    )
    .post(
      "",
      async ({ body, once, status }) => {
        const { name, entries } = body;
        const fields = toWordlist({ name, entries });
        const list = { name: fields.name!, entries: fields.entries!, refersTo: fields.refersTo! };
        const answer = await once.answer(list, async (id) => {
          await createWordlist(deps, { id, ...list });
          return { status: 201, body: wordlistToWire(await getWordlist(db, id)) };
        });
        return status(201, answer.body);
      },
      {
        body: wordlistBody,
        response: { 201: wordlistSchema, ...faults(400, 409) },
        createsOnce: true,
        detail: {
          summary: "Create a word list",
          description:
            "`__name__` in the prompts of a step with `expand: true` stands for one of its entries.",
        },
      },
    )
    .get("/:id", async ({ params }) => wordlistToWire(await getWordlist(db, params.id)), {
      params: wordlistParams,
      response: { 200: wordlistSchema, ...faults(404) },
      detail: { summary: "A word list" },
    })
    .patch(
      "/:id",
      async ({ params, body }) =>
        wordlistToWire(await changeWordlist(deps, params.id, toWordlist(body))),
      {
        params: wordlistParams,
        body: wordlistChange,
        response: { 200: wordlistSchema, ...faults(400, 404, 409) },
        detail: {
          summary: "Rename a word list, or replace its entries",
          description: "Steps that were requested before keep their prompts.",
        },
      },
    )
    .delete(
      "/:id",
      async ({ params, set }) => {
        await removeWordlist(deps, params.id);
        set.status = 204;
      },
      {
        params: wordlistParams,
        response: { 204: t.Void(), ...faults(404, 409) },
        detail: {
          summary: "Delete a word list that no other list refers to",
          description: "Steps that were requested before keep their prompts.",
        },
      },
    );
}
