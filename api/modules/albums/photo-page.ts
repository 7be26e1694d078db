import type { Db } from "#db/client";
import { idKey, numberKey } from "../../lists/cursor";
import { type Page, type PageRows, readPage } from "../../lists/lists";
import {
  type AlbumPhoto,
  countAlbumPhotos,
  listAlbumPhotos,
} from "#db/queries/albums/album-photos";

/** A page of an album's photos in album order. `scope` separates the owner's cursors from those of a share link. */
export function readAlbumPage(
  db: Db,
  page: Page,
  { scope, inAlbum }: { scope: unknown; inAlbum: { albumId: string; retrievedOnly: boolean } },
): Promise<PageRows<AlbumPhoto>> {
  return readPage(page, {
    scope,
    parseKeys: ([rank, id]) => ({ rank: numberKey(rank), id: idKey(id) }),
    rows: (part) => listAlbumPhotos(db, { ...inAlbum, ...part }),
    keysOf: ({ rank, photo }) => [rank, photo.id],
    count: (bound) => countAlbumPhotos(db, { ...inAlbum, bound }),
  });
}
