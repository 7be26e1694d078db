import { t } from "elysia";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { listOf, pageOf, pageQuery, answerList } from "../../lists/lists";
import { createModule } from "../../http/module";
import { countGeneratedImages, listGeneratedImages } from "#db/queries/generation/generated-images";
import { momentInput } from "../../fields/moment";
import { photoSchema, photoToWire } from "../photos/model";

/** Recently generated images of all sessions. */
export function createImageRoutes(deps: ApiDeps) {
  const { db } = deps.database;
  return createModule({ prefix: "/api/v1/generation", tags: ["generation"] }).get(
    "/images",
    async ({ query, request }) => {
      const page = pageOf(query);
      const filter = {
        batchId: query.batch_id ?? null,
        correlationId: query.correlation_id ?? null,
        since: query.since === undefined ? null : new Date(query.since),
      };
      return answerList(request, page, {
        item: photoSchema,
        scope: ["images", filter],
        parseKeys: parseTimeKeys,
        rows: (part) => listGeneratedImages(db, { filter, ...part }),
        keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
        count: (bound) => countGeneratedImages(db, { filter, bound }),
        toWire: photoToWire,
      });
    },
    {
      query: t.Object({
        ...pageQuery(),
        batch_id: t.Optional(t.String({ maxLength: 200 })),
        correlation_id: t.Optional(t.String({ format: "uuid" })),
        since: t.Optional(momentInput()),
      }),
      response: { 200: listOf(photoSchema) },
      detail: { summary: "Generated images, newest first" },
    },
  );
}
