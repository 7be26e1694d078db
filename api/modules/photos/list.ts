import { countPhotos, listPhotos } from "#db/queries/photo-list";
import type { PhotoFilter } from "#db/queries/photo-filter";
import type { PhotoPlace, PhotoSort } from "#db/queries/photo-sort";
import type { Photo } from "#db/schema/photos";
import {
  type CursorKeys,
  encodeCursor,
  idKey,
  momentKey,
  numberKey,
  wallClockKey,
} from "../../cursor";
import type { ApiDeps } from "../../deps";
import { listBody, type Page, readPage } from "../../lists";
import { showPhotos } from "./show";

/** A total of what words find is exact up to here: what is read for it is nowhere in one piece. */
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
    placeOf,
    rows: (part) => listPhotos(db, { filter, sort, ...part }),
    keysOf,
    count: (bound) => countPhotos(db, { filter, bound }),
    ...(filter.search !== undefined && { bound: searchBound }),
  });
  return listBody(page, photos, await showPhotos(deps, photos.rows));
}

type Placed = Pick<Photo, "createdAt" | "shownAt" | "rating" | "id">;

/** The cursor of the page that begins behind a photo. */
export function cursorBehind(filter: PhotoFilter, sort: PhotoSort, photo: Placed): string {
  return encodeCursor(scopeOf(filter, sort), keysOf(photo));
}

/** The same for every sort, which compares those that it needs. */
function keysOf({ createdAt, shownAt, rating, id }: Placed): CursorKeys {
  return [createdAt.getTime(), shownAt ?? "", rating ?? -1, id];
}

const scopeOf = (filter: PhotoFilter, sort: PhotoSort) => ["photos", sort, filter];

function placeOf([createdAt, shownAt, rating, id]: CursorKeys): PhotoPlace {
  return {
    createdAt: momentKey(createdAt).toISOString(),
    shownAt: wallClockKey(shownAt),
    rating: numberKey(rating, 5),
    id: idKey(id),
  };
}
