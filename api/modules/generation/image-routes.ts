import { Elysia, t } from "elysia";
import { countGeneratedImages, listGeneratedImages } from "#db/queries/generation-views";
import { timeKeys, timePlace } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { answerJson, listBody, listOf, pageOf, pageQuery, readPage } from "../../lists";
import { momentInput } from "../../moment";
import { photoSchema, photoToWire } from "../photos/model";

/** What was generated lately, over all sessions. */
export function createImageRoutes(deps: ApiDeps) {
  const { db } = deps.database;
  return new Elysia({ prefix: "/api/v1/generation", normalize: false, tags: ["generation"] }).get(
    "/images",
    async ({ query, request }) => {
      const page = pageOf(query);
      const filter = {
        batchId: query.batch_id ?? null,
        correlationId: query.correlation_id ?? null,
        since: query.since === undefined ? null : new Date(query.since),
      };
      const images = await readPage(page, {
        scope: ["images", filter],
        placeOf: timePlace,
        rows: (part) => listGeneratedImages(db, { filter, ...part }),
        keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
        count: (bound) => countGeneratedImages(db, { filter, bound }),
      });
      return answerJson(request, listBody(page, images, images.rows.map(photoToWire)));
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
