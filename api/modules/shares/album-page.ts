import type { VNode } from "preact";
import { findSharedAlbum } from "#db/queries/shares";
import { renderAlbumPage } from "../../pages/album";
import type { ApiDeps } from "../../deps";
import type { Visit } from "./gate";
import { photoToPage } from "./page-photos";
import { listShown } from "./shown";
import { socialOf } from "./social";

/** Divides by the tiles of a row on most screens; a page of them stays small before its pictures. */
const photosPerPage = 48;

/** The album of a link, a page of it at a time, as it is now. */
export async function buildAlbumPage(
  deps: Pick<ApiDeps, "database">,
  visit: Visit,
  at: { base: string; origin: string; pageNumber: number },
): Promise<VNode> {
  const { link } = visit;
  const { base, pageNumber } = at;
  const offset = (pageNumber - 1) * photosPerPage;
  const page = { by: "offset", limit: photosPerPage, offset, exactTotal: true } as const;
  const [shown, album] = await Promise.all([
    listShown(deps, visit, page),
    link.albumId === null ? undefined : findSharedAlbum(deps.database.db, link.albumId),
  ]);
  const total = shown.counted ?? shown.rows.length;
  const count = Math.max(1, Math.ceil(total / photosPerPage));
  const title = link.title ?? album?.name ?? null;
  return renderAlbumPage({
    base,
    title,
    description: album?.description ?? null,
    photos: shown.rows.map((row, i) => photoToPage(row, link, { base, number: offset + i + 1 })),
    total,
    expiresAt: link.expiresAt?.toISOString() ?? null,
    hasOriginals: link.allowDownload,
    hasDetails: link.showMetadata,
    downloadUrl: link.allowDownload ? `${base}/download` : null,
    pages: {
      number: pageNumber,
      count,
      // Photos may have left since: back to the last page there is.
      earlierUrl: pageNumber > 1 ? pageUrl(base, Math.min(pageNumber - 1, count)) : null,
      furtherUrl: pageNumber < count ? pageUrl(base, pageNumber + 1) : null,
    },
    social: socialOf(link, { title, photo: shown.rows[0] }, at),
  });
}

/** The page of an album on which its photo of this number stands. */
export function pageOfPhoto(base: string, number: number): string {
  return pageUrl(base, Math.ceil(number / photosPerPage));
}

function pageUrl(base: string, page: number): string {
  return page === 1 ? `${base}/` : `${base}/?page=${page}`;
}
