import { findSharedAlbum } from "#db/queries/shares";
import { AppError } from "#errors";
import type { VNode } from "preact";
import { renderPage } from "../../pages/document";
import {
  renderGonePage,
  renderOpenPage,
  renderPasswordPage,
  renderSharePage,
} from "../../pages/share";
import type { ApiDeps } from "../../deps";
import type { Gate, Visit } from "./gate";
import { photoUrls, sharedPhotoToWire } from "./public-model";
import { listShown } from "./shown";

type Deps = Pick<ApiDeps, "database">;

const photosPerPage = 60;

const policy =
  "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export const baseOf = (key: string) => `/s/${key}`;

/** A page as an answer; whatever it shows, it runs nothing and loads nothing from elsewhere. */
function answerPage(page: VNode, status = 200): Response {
  return new Response(renderPage(page), {
    status,
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": policy },
  });
}

/** A link's page: what is shared, the form for its password, or the button before a counted visit. */
export async function showPage(
  deps: Deps,
  gate: Gate,
  visitor: { key: string; token: string | undefined },
  options: { pageNumber: number; isLook: boolean },
): Promise<Response> {
  return orPage(
    visitor.key,
    async () => {
      const looked = await gate.pass(visitor, { password: true, views: "left" });
      const { link } = looked;
      const base = baseOf(visitor.key);
      if (link.maxViews !== null && !looked.grant.viewed) {
        return answerPage(renderOpenPage({ base, title: link.title }));
      }
      const isVisit = options.pageNumber === 1 && !options.isLook;
      const visit = isVisit ? await gate.pass(visitor, { password: true, views: "count" }) : looked;
      return answerPage(await renderVisit(deps, visit, base, options.pageNumber));
    },
    { wasWrong: false },
  );
}

/** Refusals as pages: a locked link asks for its password, everything else is gone. */
export async function orPage(
  key: string,
  work: () => Promise<Response>,
  options: { wasWrong: boolean },
): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.kind === "unauthorized") {
      return answerPage(renderPasswordPage({ base: baseOf(key), ...options }), 401);
    }
    if (error.kind === "not_found") return answerPage(renderGonePage(), 404);
    throw error;
  }
}

async function renderVisit(
  deps: Deps,
  visit: Visit,
  base: string,
  pageNumber: number,
): Promise<VNode> {
  const { link } = visit;
  const offset = (pageNumber - 1) * photosPerPage;
  const shown = await listShown(deps, visit, {
    by: "offset",
    limit: photosPerPage,
    offset,
    exactTotal: false,
  });
  const album =
    link.albumId === null ? undefined : await findSharedAlbum(deps.database.db, link.albumId);
  const hasMore = offset + shown.photos.length < (shown.counted ?? 0);
  return renderSharePage({
    base,
    title: link.title ?? album?.name ?? null,
    description: album?.description ?? null,
    photos: shown.photos.map((photo) => {
      const urls = photoUrls(photo, link, base);
      const told = sharedPhotoToWire(photo, link, base);
      return {
        width: told.width,
        height: told.height,
        thumbnailUrl: urls.thumbnail,
        previewUrl: urls.preview,
        originalUrl: urls.original,
        caption: told.title ?? told.generation_metadata?.prompt ?? null,
      };
    }),
    earlierUrl: pageNumber > 1 ? `${base}/?page=${pageNumber - 1}` : null,
    furtherUrl: hasMore ? `${base}/?page=${pageNumber + 1}` : null,
  });
}
