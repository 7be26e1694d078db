import { countAlbumPhotos, listAlbumPhotos } from "#db/queries/albums";
import type { Photo } from "#db/schema/photos";
import { decodeCursor, encodeCursor, idKey, numberKey } from "../../cursor";
import type { ApiDeps } from "../../deps";
import type { Page } from "../../lists";
import type { Visit } from "./gate";

/** A page of what a link shows now; `counted` null where pages are turned by cursor. */
export type Shown = { photos: Photo[]; counted: number | null; nextCursor: string | null };

/** The one photo of a link, or those of its album in its order: fetched, and not in the trash. */
export async function listShown(
  { database: { db } }: Pick<ApiDeps, "database">,
  { link, photo }: Visit,
  page: Page,
): Promise<Shown> {
  if (link.albumId === null) {
    const isFirst = page.by === "offset" && page.offset === 0;
    return { photos: photo && isFirst ? [photo] : [], counted: 1, nextCursor: null };
  }
  const scope = ["shared", link.id];
  const inAlbum = { albumId: link.albumId, retrievedOnly: true };
  const rows = await listAlbumPhotos(db, {
    ...inAlbum,
    after: page.by === "cursor" ? placeOf(decodeCursor(scope, page.cursor)) : null,
    limit: page.limit + 1,
    offset: page.by === "offset" ? page.offset : 0,
  });
  const last = rows.length > page.limit ? rows[page.limit - 1] : undefined;
  return {
    photos: rows.slice(0, page.limit).map((row) => row.photo),
    counted: page.by === "cursor" ? null : await countAlbumPhotos(db, inAlbum),
    nextCursor: last ? encodeCursor(scope, [last.rank, last.photo.id]) : null,
  };
}

function placeOf(keys: readonly (string | number)[]): { rank: number; id: string } {
  const [rank, id] = keys;
  return { rank: numberKey(rank), id: idKey(id) };
}
