import type { Photo } from "#db/schema/photos";
import { readAlbumPage } from "../albums/photo-page";
import type { ApiDeps } from "../../deps";
import { isCounted, type Page, type PageRows } from "../../lists/lists";
import type { Visit } from "./gate";

/** The photos that a link shows: its one photo, or its album's in album order; fetched, and not in the trash. */
export async function listVisiblePhotos(
  { database: { db } }: Pick<ApiDeps, "database">,
  { link, photo }: Visit,
  page: Page,
): Promise<PageRows<Photo>> {
  if (link.albumId === null) {
    const isFirst = page.by === "offset" && page.offset === 0;
    const rows = photo && isFirst ? [photo] : [];
    return { rows, counted: isCounted(page) ? 1 : null, nextCursor: null, bound: 1 };
  }
  const visible = await readAlbumPage(db, page, {
    scope: ["shared", link.id],
    inAlbum: { albumId: link.albumId, retrievedOnly: true },
  });
  return { ...visible, rows: visible.rows.map(({ photo }) => photo) };
}
