import { and, sql, type SQL, type SQLWrapper } from "drizzle-orm";
import type { Db } from "../client";
import { type Photo, photoColumns, photos } from "../schema/photos";
import { keepStatement } from "./kept-statement";
import { matching, type PhotoFilter, splitFilter } from "./photo-filter";
import { behind, laterPlace, orderOf, type PhotoPlace, type PhotoSort } from "./photo-sort";

export type PhotoPage = {
  filter: PhotoFilter;
  sort: PhotoSort;
  limit: number;
  /** Where the page begins: behind a place, or so many rows from the front. */
  after: PhotoPlace | null;
  offset: number;
};

/** A page of photos in the order of its sort; from `after` on, or from `offset`. */
export async function listPhotos(db: Db, page: PhotoPage): Promise<Photo[]> {
  if (isInOrder(page)) return listInOrder(db, page);
  const near = await listNear(db, page);
  return near.length === page.limit ? near : listFound(db, page);
}

/** Does an index hold what the filter lets through in the order of the sort, or most of what it reads in vain? */
function isInOrder({ filter, sort }: Pick<PhotoPage, "filter" | "sort">): boolean {
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
  const { key, shape, values } = splitFilter(filter);
  const isAfter = after !== null;
  const statement = keepStatement(db, `page ${sort} ${isAfter} ${key}`, () =>
    db
      .select(photoColumns)
      .from(photos)
      .where(and(matching(shape), isAfter ? behind(sort, laterPlace) : undefined))
      .orderBy(...orderOf(sort))
      .limit(sql.placeholder("limit"))
      .offset(sql.placeholder("offset"))
      .prepare("photos_page"),
  );
  return statement.execute({ ...values, ...after, limit, offset });
}

/** So many rows are read sooner than an index of words gives out those of a word that is in each fortieth. */
const nearRows = 2_000;

/** The part of a filter that an index with the order of the sort holds. */
function inOrderAlone(filter: PhotoFilter, sort: PhotoSort): PhotoFilter {
  const { isTrashed, kind } = filter;
  if (sort === "taken_at" || sort === "rating") return { isTrashed, kind };
  return { ...filter, tagKey: undefined, search: undefined, albumId: undefined };
}

/**
 * The page as far as it lies in the rows next in order, whatever filter they pass. Full for anything frequent,
 * of which the index of words or tags would have to give out all. Not prepared here and below: the plan depends
 * on how frequent a word is.
 */
async function listNear(db: Db, page: PhotoPage): Promise<Photo[]> {
  const { filter, sort, limit, offset, after } = page;
  if (offset + limit > nearRows || filter.stepId !== undefined) return [];
  const next = db
    .select()
    .from(photos)
    .where(and(matching(inOrderAlone(filter, sort)), after ? behind(sort, after) : undefined))
    .orderBy(...orderOf(sort))
    .limit(nearRows)
    // Under the table's own name, so that the same conditions hold for both.
    .as("photos");
  return db
    .select(photoColumns)
    .from(next)
    .where(matching(filter))
    .orderBy(...orderOf(sort))
    .limit(limit)
    .offset(offset);
}

/** The page from all that is found: first the place of each, then the rows of those on the page. */
function listFound(db: Db, { filter, sort, limit, offset, after }: PhotoPage) {
  const found = db
    .select({
      id: photos.id,
      createdAt: photos.createdAt,
      shownAt: photos.shownAt,
      rating: photos.rating,
    })
    .from(photos)
    .where(and(matching(filter), after ? behind(sort, after) : undefined));
  const order = sql.join(orderOf(sort), sql`, `);
  const onPage: SQL = sql`(with found as materialized (${found}) select id from found as "photos" order by ${order} limit ${limit} offset ${offset})`;
  return db
    .select(photoColumns)
    .from(photos)
    .where(sql`${photos.id} in ${onPage}`)
    .orderBy(...orderOf(sort));
}

/** How many photos match; counting stops at `bound`, or never when it is null. */
export async function countPhotos(
  db: Db,
  { filter, bound }: { filter: PhotoFilter; bound: number | null },
): Promise<number> {
  if (isInOrder({ filter, sort: "newest" })) return countInOrder(db, filter, bound);
  const all = db.select({ one }).from(photos).where(matching(filter));
  const [row] = await countOf(db, all, bound);
  return row?.count ?? 0;
}

async function countInOrder(db: Db, filter: PhotoFilter, bound: number | null) {
  const { key, shape, values } = splitFilter(filter);
  const statement = keepStatement(db, `count ${bound} ${key}`, () =>
    countOf(db, db.select({ one }).from(photos).where(matching(shape)), bound).prepare(
      "photos_count",
    ),
  );
  const [row] = await statement.execute(values);
  return row?.count ?? 0;
}

const one = sql`1`;

type Rows = SQLWrapper & { limit(rows: number): SQLWrapper };

function countOf(db: Db, found: Rows, bound: number | null) {
  const counted = bound === null ? found : found.limit(bound);
  return db.select({ count: sql<number>`count(*)::int` }).from(sql`(${counted}) as "found"`);
}
