import { countPhotos, listPhotos } from "#db/queries/photos/photo-list";
import type { PhotoFilter } from "#db/queries/photos/photo-filter";
import type { PhotoCursor, PhotoSort } from "#db/queries/photos/photo-sort";
import type { Photo } from "#db/schema/photos";
import {
  type CursorKeys,
  encodeCursor,
  idKey,
  momentKey,
  numberKey,
  wallClockKey,
} from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { listBody, type Page, readPage } from "../../lists/lists";
import { showPhotos } from "./show";

/** The total of a search is exact up to this number: its rows are scattered over the table and slow to count. */
const searchBound = 1_000;

/** The body of `GET /photos`; a page by cursor costs the same at any depth. */
export async function listPhotosPage(
  deps: ApiDeps,
  filter: PhotoFilter,
  sort: PhotoSort,
  page: Page,
) {
  const { db } = deps.database;
  const photos = await readPage(page, {
    scope: scopeOf(filter, sort),
    parseKeys,
    rows: (part) => listPhotos(db, { filter, sort, ...part }),
    keysOf,
    count: (bound) => countPhotos(db, { filter, bound }),
    ...(filter.search !== undefined && { bound: searchBound }),
  });
  return listBody(page, photos, await showPhotos(deps, photos.rows));
}

type Placed = Pick<Photo, "createdAt" | "shownAt" | "rating" | "id">;

/** The cursor of the page that starts after a photo. */
export function cursorAfter(filter: PhotoFilter, sort: PhotoSort, photo: Placed): string {
  return encodeCursor(scopeOf(filter, sort), keysOf(photo));
}

/** The same keys for every sort; each sort compares those that it needs. */
function keysOf({ createdAt, shownAt, rating, id }: Placed): CursorKeys {
  return [createdAt.getTime(), shownAt ?? "", rating ?? -1, id];
}

const scopeOf = (filter: PhotoFilter, sort: PhotoSort) => ["photos", sort, filter];

function parseKeys([createdAt, shownAt, rating, id]: CursorKeys): PhotoCursor {
  return {
    createdAt: momentKey(createdAt).toISOString(),
    shownAt: wallClockKey(shownAt),
    rating: numberKey(rating, 5),
    id: idKey(id),
  };
}
