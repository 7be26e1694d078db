import type { Photo } from "#db/schema/photos";
import { readAlbumPage } from "../../album-page";
import type { ApiDeps } from "../../deps";
import type { Page, PageRows } from "../../lists";
import type { Visit } from "./gate";

/** The one photo of a link, or those of its album in its order: fetched, and not in the trash. */
export async function listShown(
  { database: { db } }: Pick<ApiDeps, "database">,
  { link, photo }: Visit,
  page: Page,
): Promise<PageRows<Photo>> {
  if (link.albumId === null) {
    const isFirst = page.by === "offset" && page.offset === 0;
    return { rows: photo && isFirst ? [photo] : [], counted: 1, nextCursor: null, bound: 1 };
  }
  const shown = await readAlbumPage(db, page, {
    scope: ["shared", link.id],
    inAlbum: { albumId: link.albumId, retrievedOnly: true },
  });
  return { ...shown, rows: shown.rows.map(({ photo }) => photo) };
}
