import { t } from "elysia";
import { countPodSessions, listPodSessionViews } from "#db/queries/pods/session-views";
import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { parseTimeKeys, timeKeys } from "../../lists/cursor";
import { listOf, pageOf, pageQuery, answerList } from "../../lists/lists";
import { podSessionSchema, podSessionToWire } from "./pod-model";

/** What each rented pod cost. */
export function createPodSessionRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  return createModule({ prefix: "/api/v1/backend", tags: ["backend"] }).get(
    "/pod/sessions",
    async ({ query, request }) => {
      const page = pageOf(query);
      const now = deps.now();
      return answerList(request, page, {
        item: podSessionSchema,
        scope: ["pod-sessions"],
        parseKeys: parseTimeKeys,
        rows: (part) => listPodSessionViews(db, part),
        keysOf: ({ requestedAt: at, id }) => timeKeys({ at, id }),
        count: () => countPodSessions(db),
        toWire: (view) => podSessionToWire(view, now),
      });
    },
    {
      query: t.Object(pageQuery()),
      response: { 200: listOf(podSessionSchema) },
      detail: {
        summary: "Rented pods, newest first, with what they cost",
        description:
          "The costs of a session's steps and its `overhead_usd` add up to `cost_usd`. `cost_source` is `estimate` until RunPod's bill is known, hours after the end; then `cost_usd` is what was billed.",
      },
    },
  );
}
