import { and, sql, type SQL } from "drizzle-orm";
import type { Db } from "../client";
import { photos } from "../schema/photos";
import { type ShownPhoto, shownColumns } from "./photo-columns";
import { matching, type PhotoFilter } from "./photo-filter";
import { behind, orderOf, type PhotoPlace, type PhotoSort } from "./photo-sort";

export type PhotoPage = {
  filter: PhotoFilter;
  sort: PhotoSort;
  limit: number;
  offset?: number;
  after?: PhotoPlace;
};

/** A page of photos in the order of its sort; from `after` on, or from `offset`. */
export async function listPhotos(db: Db, page: PhotoPage): Promise<ShownPhoto[]> {
  if (isInOrder(page)) return listInOrder(db, page);
  const near = await listNear(db, page);
  return near.length === page.limit ? near : listFound(db, page);
}

/** Does an index hold what the filter lets through in the order of the sort, or most of what it reads in vain? */
function isInOrder({ filter, sort }: PhotoPage): boolean {
  const {
    tagKey,
    search,
    albumId,
    stepId,
    isTrashed,
    kind: _kind,
    since,
    until,
    ...others
  } = filter;
  if (tagKey ?? search ?? albumId ?? stepId) return false;
  if (sort === "newest" || sort === "oldest") return true;
  return (
    !isTrashed && !since && !until && Object.values(others).every((value) => value === undefined)
  );
}

/** Prepared, as the query that is asked most: a connection sends it in one turn instead of two. */
function listInOrder(db: Db, { filter, sort, limit, offset, after }: PhotoPage) {
  return db
    .select(shownColumns)
    .from(photos)
    .where(and(matching(filter), after && behind(sort, after)))
    .orderBy(...orderOf(sort))
    .limit(limit)
    .offset(offset ?? 0)
    .prepare("photos_page")
    .execute();
}

/** So many rows are read sooner than an index of words gives out those of a word that is in each hundredth. */
const nearRows = 5_000;

/**
 * The page as far as it lies in the rows next in order, whatever filter they pass. Full for anything frequent,
 * of which the index of words or tags would have to give out all. Not prepared here and below: the plan depends
 * on how frequent a word is.
 */
async function listNear(db: Db, page: PhotoPage): Promise<ShownPhoto[]> {
  const { filter, sort, limit, offset = 0, after } = page;
  if (offset + limit > nearRows || filter.stepId !== undefined) return [];
  const near = db
    .select()
    .from(photos)
    .where(and(matching({ isTrashed: filter.isTrashed }), after && behind(sort, after)))
    .orderBy(...orderOf(sort))
    .limit(nearRows)
    // Under the table's own name, so that the same conditions hold for both.
    .as("photos");
  return db
    .select(shownColumns)
    .from(near)
    .where(matching(filter))
    .orderBy(...orderOf(sort))
    .limit(limit)
    .offset(offset);
}

/** The page from all that is found: first the place of each, then the rows of those on the page. */
function listFound(db: Db, { filter, sort, limit, offset = 0, after }: PhotoPage) {
  const found = db
    .select({
      id: photos.id,
      createdAt: photos.createdAt,
      shownAt: photos.shownAt,
      rating: photos.rating,
    })
    .from(photos)
    .where(and(matching(filter), after && behind(sort, after)));
  const order = sql.join(orderOf(sort), sql`, `);
  const onPage: SQL = sql`(with found as materialized (${found}) select id from found as "photos" order by ${order} limit ${limit} offset ${offset})`;
  return db
    .select(shownColumns)
    .from(photos)
    .where(sql`${photos.id} in ${onPage}`)
    .orderBy(...orderOf(sort));
}

/** How many photos match; counts no further than `bound`, where one is given. */
export async function countPhotos(
  db: Db,
  params: { filter: PhotoFilter; bound?: number },
): Promise<number> {
  const found = db
    .select({ one: sql`1` })
    .from(photos)
    .where(matching(params.filter));
  const counted = (params.bound === undefined ? found : found.limit(params.bound)).as("found");
  const count = db.select({ count: sql<number>`count(*)::int` }).from(counted);
  const [row] = await (
    isFrequencyKnown(params.filter) ? count.prepare("photos_count") : count
  ).execute();
  return row?.count ?? 0;
}

function isFrequencyKnown({ tagKey, search, albumId }: PhotoFilter): boolean {
  return (tagKey ?? search ?? albumId) === undefined;
}
