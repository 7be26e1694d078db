import { t } from "elysia";
import { findSharedAlbum } from "#db/queries/shares/shares";
import { senderOf } from "../../http/client";
import type { RouteDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { listBody, listOf, type Page, pageOf, pageQuery } from "../../lists/lists";
import { negotiate } from "../../http/responses/negotiate";
import type { IncomingRequest } from "../../http/request";
import { publicRoute } from "../../http/routes";
import { type Gate, noSuchLink, type Visit } from "./gate";
import { createModule } from "../../http/module";
import { answerImage } from "./images";
import type { FindOutgoingFile } from "./outgoing-file";
import { originOf } from "./origin";
import { showPage } from "./page";
import { isPrefetch } from "./prefetch";
import { answerPublic, tokenOf } from "./public-answer";
import { sharedPhotoSchema, sharedPhotoToWire, sharedSchema, tokenSchema } from "./public-model";
import { listVisiblePhotos } from "./visible-photos";
import { unlock } from "./unlock";

const apiBase = "/api/v1/share";
const byKey = t.Object({ key: t.String() });

const page = { "text/html": { schema: { type: "string" as const } } };
const firstImage = { "image/webp": { schema: { type: "string" as const, format: "binary" } } };

/** Shared content for programs; through the same gate as the pages. */
export function createPublicRoutes(
  deps: RouteDeps,
  { gate, findOutgoingFile }: { gate: Gate; findOutgoingFile: FindOutgoingFile },
) {
  const visitorOf = (incoming: IncomingRequest, key: string) => ({ key, token: tokenOf(incoming) });

  async function listPhotos(visit: Visit, key: string, page: Page) {
    const visible = await listVisiblePhotos(deps, visit, page);
    const items = visible.rows.map((photo) =>
      sharedPhotoToWire(photo, visit.link, `${apiBase}/${key}`),
    );
    return listBody(page, visible, items);
  }

  async function showShared(incoming: IncomingRequest, key: string, page: Page): Promise<Response> {
    // The answer to a prefetch may never be shown: it counts no visit, so it requires one that was counted before.
    const isAhead = isPrefetch(incoming.request);
    const want = { password: true, views: isAhead ? "held" : "left" } as const;
    const visit = await gate.pass(visitorOf(incoming, key), want);
    const { link, photo } = visit;
    const album =
      link.albumId === null ? undefined : await findSharedAlbum(deps.database.db, link.albumId);
    const photos = album && (await listPhotos(visit, key, page));
    // A HEAD request is not a visit either.
    const issued = isAhead || incoming.isHead ? undefined : await gate.count(visit);
    return Response.json(
      {
        ...(link.title !== null && { title: link.title }),
        ...(link.expiresAt && { expires_at: link.expiresAt.toISOString() }),
        allow_download: link.allowDownload,
        ...(photo && { photo: sharedPhotoToWire(photo, link, `${apiBase}/${key}`) }),
        ...(album && {
          album: {
            name: album.name,
            ...(album.description !== null && { description: album.description }),
            photo_count: photos?.total ?? undefined,
            photos,
          },
        }),
        ...(issued && {
          token: issued.token,
          token_expires_at: issued.expiresAt.toISOString(),
        }),
      },
      { headers: { vary: "Accept" } },
    );
  }

  async function showFirstImage(incoming: IncomingRequest, key: string): Promise<Response> {
    const visit = await gate.pass(visitorOf(incoming, key), { password: true, views: "held" });
    const first: Page = { by: "offset", limit: 1, offset: 0, total: "none" };
    const [photo] = (await listVisiblePhotos(deps, visit, first)).rows;
    if (!photo) throw noSuchLink();
    const answer = await answerImage(
      findOutgoingFile,
      incoming.request,
      { ...visit, photo },
      "preview",
    );
    answer.headers.set("vary", "Accept");
    return answer;
  }

  return createModule({ prefix: apiBase, tags: ["shared"] })
    .get(
      "/:key",
      ({ params, query, incoming }) =>
        answerPublic(incoming, async () => {
          const accept = incoming.request.headers.get("accept");
          const wanted = negotiate(accept, ["application/json", "text/html", "image/*"]);
          if (wanted === "application/json") {
            return showShared(incoming, params.key, pageOf(query));
          }
          if (wanted === "image/*") return showFirstImage(incoming, params.key);
          const page = await showPage(deps, gate, visitorOf(incoming, params.key), {
            pageNumber: 1,
            isUncounted: incoming.isHead || isPrefetch(incoming.request),
            origin: originOf(incoming.client, deps.config),
          });
          page.headers.set("vary", "Accept");
          return page;
        }),
      {
        params: byKey,
        query: t.Object(pageQuery()),
        response: { 200: sharedSchema, ...faults(401, 404) },
        detail: {
          ...publicRoute,
          summary: "What a link shares: JSON, or by Accept the page or the first image",
          responses: {
            200: { description: "What is shared", content: { ...page, ...firstImage } },
            401: { description: "The password is required", content: page },
            404: { description: "There is no such link", content: page },
          },
        },
      },
    )
    .post(
      "/:key/unlock",
      ({ params, body, incoming }) =>
        answerPublic(incoming, async () => {
          const visitor = {
            ...visitorOf(incoming, params.key),
            address: senderOf(incoming.client),
          };
          const issued = await unlock(
            { gate, loginAttempts: deps.loginAttempts },
            visitor,
            body.password,
          );
          return Response.json({
            token: issued.token,
            expires_at: issued.expiresAt.toISOString(),
          });
        }),
      {
        params: byKey,
        body: t.Object({ password: t.String({ maxLength: 200 }) }, { additionalProperties: false }),
        response: { 200: tokenSchema, ...faults(401, 404, 429) },
        detail: { ...publicRoute, summary: "Exchange a link's password for a token" },
      },
    )
    .get(
      "/:key/photos",
      ({ params, query, incoming }) =>
        answerPublic(incoming, async () => {
          const want = { password: true, views: "held" } as const;
          const visit = await gate.pass(visitorOf(incoming, params.key), want);
          return Response.json(await listPhotos(visit, params.key, pageOf(query)));
        }),
      {
        params: byKey,
        query: t.Object(pageQuery()),
        response: { 200: listOf(sharedPhotoSchema), ...faults(401, 404) },
        detail: { ...publicRoute, summary: "The photos of a link" },
      },
    );
}
