import { decodeCursor, encodeCursor, idKey, momentKey } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { listBody, type Page, totalBound } from "../../lists";
import { countPhotos, listPhotos, type PhotoFilter, type PhotoOrder } from "#db/queries/photos";
import { photoToWire } from "./model";

/** The body of `GET /photos`; a page by cursor costs the same at any depth. */
export async function listPhotosPage(
  { database: { db } }: ApiDeps,
  filter: PhotoFilter,
  order: PhotoOrder,
  page: Page,
) {
  const scope = ["photos", order, filter];
  const [found, counted] = await Promise.all([
    // One more than asked for tells whether there is a next page.
    listPhotos(db, { filter, order, limit: page.limit + 1, ...placeOf(page, scope) }),
    page.by === "cursor"
      ? null
      : countPhotos(db, { filter, ...(!page.exactTotal && { bound: totalBound + 1 }) }),
  ]);
  const rows = found.slice(0, page.limit);
  const last = rows.at(-1);
  const nextCursor =
    last && found.length > page.limit
      ? encodeCursor(scope, [last.createdAt.getTime(), last.id])
      : null;
  return listBody(page, { items: rows.map(photoToWire), counted, nextCursor });
}

function placeOf(page: Page, scope: unknown) {
  if (page.by === "offset") return { offset: page.offset };
  const [createdAt, id] = decodeCursor(scope, page.cursor);
  return { after: { createdAt: momentKey(createdAt).toISOString(), id: idKey(id) } };
}
