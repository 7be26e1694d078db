import type { VNode } from "preact";
import { findSharedAlbum } from "#db/queries/shares/shares";
import { renderAlbumPage } from "../../pages/album";
import type { ApiDeps } from "../../deps";
import type { Visit } from "./gate";
import { photoToPage } from "./page-photos";
import { listVisiblePhotos } from "./visible-photos";
import { socialOf } from "./social";

/** Divisible by most numbers of tiles per row; the HTML of a page stays small. */
const photosPerPage = 48;

/** One page of a link's album. */
export async function buildAlbumPage(
  deps: Pick<ApiDeps, "database">,
  visit: Visit,
  at: { base: string; origin: string; pageNumber: number },
): Promise<VNode> {
  const { link } = visit;
  const { base, pageNumber } = at;
  const offset = (pageNumber - 1) * photosPerPage;
  const page = { by: "offset", limit: photosPerPage, offset, total: "exact" } as const;
  const [visible, album] = await Promise.all([
    listVisiblePhotos(deps, visit, page),
    link.albumId === null ? undefined : findSharedAlbum(deps.database.db, link.albumId),
  ]);
  const total = visible.counted ?? visible.rows.length;
  const count = Math.max(1, Math.ceil(total / photosPerPage));
  const title = link.title ?? album?.name ?? null;
  return renderAlbumPage({
    base,
    title,
    description: album?.description ?? null,
    photos: visible.rows.map((row, i) => photoToPage(row, link, { base, number: offset + i + 1 })),
    total,
    expiresAt: link.expiresAt?.toISOString() ?? null,
    hasOriginals: link.allowDownload,
    hasDetails: link.showMetadata,
    downloadUrl: link.allowDownload ? `${base}/download` : null,
    pages: {
      number: pageNumber,
      count,
      // Photos may have been removed since the visitor loaded the page: then back to the last existing page.
      earlierUrl: pageNumber > 1 ? pageUrl(base, Math.min(pageNumber - 1, count)) : null,
      furtherUrl: pageNumber < count ? pageUrl(base, pageNumber + 1) : null,
    },
    social: socialOf(link, { title, photo: visible.rows[0] }, at),
  });
}

/** The URL of the album's page that has the photo with this number. */
export function pageUrlOfPhoto(base: string, number: number): string {
  return pageUrl(base, Math.ceil(number / photosPerPage));
}

function pageUrl(base: string, page: number): string {
  return page === 1 ? `${base}/` : `${base}/?page=${page}`;
}
