import { countPhotos, listPhotos } from "#db/queries/photo-list";
import type { ShownPhoto } from "#db/queries/photo-columns";
import type { PhotoFilter } from "#db/queries/photo-filter";
import type { PhotoPlace, PhotoSort } from "#db/queries/photo-sort";
import {
  decodeCursor,
  encodeCursor,
  idKey,
  momentKey,
  numberKey,
  wallClockKey,
} from "../../cursor";
import type { ApiDeps } from "../../deps";
import { listBody, type Page, totalBound } from "../../lists";
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
  const scope = scopeOf(filter, sort);
  const bound = filter.search === undefined ? totalBound : searchBound;
  const [found, counted] = await Promise.all([
    // One more than asked for tells whether there is a next page.
    listPhotos(db, { filter, sort, limit: page.limit + 1, ...placeOf(page, scope) }),
    page.by === "cursor"
      ? null
      : countPhotos(db, { filter, ...(!page.exactTotal && { bound: bound + 1 }) }),
  ]);
  const rows = found.slice(0, page.limit);
  const last = rows.at(-1);
  const nextCursor = last && found.length > page.limit ? cursorBehind(filter, sort, last) : null;
  return listBody(page, { items: await showPhotos(deps, rows), counted, nextCursor }, bound);
}

/** The cursor of the page that begins behind a photo. The same keys for every sort: it compares those it needs. */
export function cursorBehind(
  filter: PhotoFilter,
  sort: PhotoSort,
  { createdAt, shownAt, rating, id }: Pick<ShownPhoto, "createdAt" | "shownAt" | "rating" | "id">,
): string {
  const keys = [createdAt.getTime(), shownAt ?? "", rating ?? -1, id];
  return encodeCursor(scopeOf(filter, sort), keys);
}

const scopeOf = (filter: PhotoFilter, sort: PhotoSort) => ["photos", sort, filter];

function placeOf(page: Page, scope: unknown): { offset: number } | { after: PhotoPlace } {
  if (page.by === "offset") return { offset: page.offset };
  const [createdAt, shownAt, rating, id] = decodeCursor(scope, page.cursor);
  return {
    after: {
      createdAt: momentKey(createdAt).toISOString(),
      shownAt: wallClockKey(shownAt),
      rating: numberKey(rating, 5),
      id: idKey(id),
    },
  };
}
