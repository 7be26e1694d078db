import type { Db } from "#db/client";
import { type AlbumPhoto, countAlbumPhotos, listAlbumPhotos } from "#db/queries/albums";
import { idKey, numberKey } from "./cursor";
import { type Page, type PageRows, readPage } from "./lists";

/** A page of an album's photos in its order, for the owner or through a link; `scope` keeps their cursors apart. */
export function readAlbumPage(
  db: Db,
  page: Page,
  { scope, inAlbum }: { scope: unknown; inAlbum: { albumId: string; retrievedOnly: boolean } },
): Promise<PageRows<AlbumPhoto>> {
  return readPage(page, {
    scope,
    placeOf: ([rank, id]) => ({ rank: numberKey(rank), id: idKey(id) }),
    rows: (part) => listAlbumPhotos(db, { ...inAlbum, ...part }),
    keysOf: ({ rank, photo }) => [rank, photo.id],
    count: (bound) => countAlbumPhotos(db, { ...inAlbum, bound }),
  });
}
