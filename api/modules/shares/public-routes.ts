import { Elysia, t } from "elysia";
import { findSharedAlbum } from "#db/queries/shares";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { isHead } from "../../head-request";
import { listBody, listOf, type Page, pageOf, pageQuery } from "../../lists";
import { negotiate } from "../../negotiate";
import { peerOf } from "../../peer";
import { publicRoute } from "../../route-table";
import { type Gate, noSuchLink, type Visit } from "./gate";
import type { GuessLimit } from "../../guesses";
import { answerImage } from "./images";
import type { FindLeaving } from "./leaving";
import { originOf } from "./origin";
import { showPage } from "./page";
import { answerPublic, tokenOf } from "./public-answer";
import { sharedPhotoSchema, sharedPhotoToWire, sharedSchema, tokenSchema } from "./public-model";
import { listShown } from "./shown";
import { unlock } from "./unlock";

const apiBase = "/api/v1/share";
const byKey = t.Object({ key: t.String() });

const page = { "text/html": { schema: { type: "string" as const } } };
const firstImage = { "image/webp": { schema: { type: "string" as const, format: "binary" } } };

/** What is shared, for programs; the same gate as the pages. */
export function createPublicRoutes(
  deps: ApiDeps,
  { gate, guesses, findLeaving }: { gate: Gate; guesses: GuessLimit; findLeaving: FindLeaving },
) {
  const visitorOf = (request: Request, key: string) => ({ key, token: tokenOf(request) });

  async function listPhotos(visit: Visit, key: string, page: Page) {
    const shown = await listShown(deps, visit, page);
    const items = shown.rows.map((photo) =>
      sharedPhotoToWire(photo, visit.link, `${apiBase}/${key}`),
    );
    return listBody(page, shown, items);
  }

  async function showShared(request: Request, key: string, page: Page): Promise<Response> {
    // A look at the headers alone is no visit.
    const views = isHead(request) ? "left" : "count";
    const visit = await gate.pass(visitorOf(request, key), { password: true, views });
    const { link, photo, issued } = visit;
    const album =
      link.albumId === null ? undefined : await findSharedAlbum(deps.database.db, link.albumId);
    const photos = album && (await listPhotos(visit, key, page));
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

  async function showFirstImage(request: Request, key: string): Promise<Response> {
    const looked = await gate.pass(visitorOf(request, key), { password: true, views: "held" });
    const first: Page = { by: "offset", limit: 1, offset: 0, exactTotal: false };
    const [photo] = (await listShown(deps, looked, first)).rows;
    if (!photo) throw noSuchLink();
    const answer = await answerImage(findLeaving, request, { ...looked, photo }, "preview");
    answer.headers.set("vary", "Accept");
    return answer;
  }

  return new Elysia({ prefix: apiBase, normalize: false, tags: ["shared"] })
    .get(
      "/:key",
      ({ params, query, request }) =>
        answerPublic(request, async () => {
          const accept = request.headers.get("accept");
          const wanted = negotiate(accept, ["application/json", "text/html", "image/*"]);
          if (wanted === "application/json") {
            return showShared(request, params.key, pageOf(query));
          }
          if (wanted === "image/*") return showFirstImage(request, params.key);
          const page = await showPage(deps, gate, visitorOf(request, params.key), {
            pageNumber: 1,
            isLook: isHead(request) || request.headers.has("sec-purpose"),
            origin: originOf(request, deps.config),
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
            401: { description: "The password is wanted", content: page },
            404: { description: "There is no such link", content: page },
          },
        },
      },
    )
    .post(
      "/:key/unlock",
      ({ params, body, request }) =>
        answerPublic(request, async () => {
          const visitor = { ...visitorOf(request, params.key), address: peerOf(request) };
          const issued = await unlock({ gate, guesses }, visitor, body.password);
          return Response.json({
            token: issued.token,
            expires_at: issued.expiresAt.toISOString(),
          });
        }),
      {
        params: byKey,
        body: t.Object({ password: t.String({ maxLength: 200 }) }, { additionalProperties: false }),
        response: { 200: tokenSchema, ...faults(401, 404, 429) },
        detail: { ...publicRoute, summary: "Give a link's password for a token" },
      },
    )
    .get(
      "/:key/photos",
      ({ params, query, request }) =>
        answerPublic(request, async () => {
          const want = { password: true, views: "held" } as const;
          const visit = await gate.pass(visitorOf(request, params.key), want);
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
