import { t } from "elysia";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import {
  answerJson,
  type List,
  listBody,
  listOf,
  pageOf,
  pageQuery,
  readPage,
} from "../../lists/lists";
import { createModule } from "../../http/module";
import { countGeneratedImages, listGeneratedImages } from "#db/queries/generation/generated-images";
import { momentInput } from "../../fields/moment";
import { type PhotoBody, photoSchema, photoToWire } from "../photos/model";

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
      const images = await readPage(page, {
        scope: ["images", filter],
        parseKeys: parseTimeKeys,
        rows: (part) => listGeneratedImages(db, { filter, ...part }),
        keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
        count: (bound) => countGeneratedImages(db, { filter, bound }),
      });
      return answerJson<List<PhotoBody>>(
        request,
        listBody(page, images, images.rows.map(photoToWire)),
      );
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
