import { Elysia, t } from "elysia";
import { countGeneratedImages, listGeneratedImages } from "#db/queries/generation-views";
import { decodeCursor, encodeCursor } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { answerJson, listBody, listOf, pageOf, pageQuery, totalBound } from "../../lists";
import { momentInput } from "../../moment";
import { photoSchema, photoToWire } from "../photos/model";
import { timeKeys, toTimePlace } from "./pages";

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
      const scope = ["images", filter];
      const rows = await listGeneratedImages(db, {
        filter,
        after: page.by === "cursor" ? toTimePlace(decodeCursor(scope, page.cursor)) : null,
        limit: page.limit + 1,
        offset: page.by === "offset" ? page.offset : 0,
      });
      const last = rows.length > page.limit ? rows[page.limit - 1] : undefined;
      const keys = last && timeKeys({ at: last.createdAt, id: last.id });
      return answerJson(
        request,
        listBody(page, {
          items: rows.slice(0, page.limit).map(photoToWire),
          counted:
            page.by === "cursor"
              ? null
              : await countGeneratedImages(db, {
                  filter,
                  bound: page.exactTotal ? null : totalBound + 1,
                }),
          nextCursor: keys ? encodeCursor(scope, keys) : null,
        }),
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
