import { and, sql, type SQL, type SQLWrapper } from "drizzle-orm";
import type { Db } from "../../client";
import { listedColumns, type ListedPhoto, photos } from "../../schema/photos";
import { cacheSelect, cacheStatement } from "../../cached-statement";
import { matching, type PhotoFilter, splitFilter } from "./photo-filter";
import {
  behind,
  cursorPlaceholders,
  orderOf,
  type PhotoCursor,
  type PhotoSort,
} from "./photo-sort";

export type PhotoPage = {
  filter: PhotoFilter;
  sort: PhotoSort;
  limit: number;
  /** The page begins behind this photo, or at `offset`. */
  after: PhotoCursor | null;
  offset: number;
};

/** A page of photos in the order of its sort. */
export async function listPhotos(db: Db, page: PhotoPage): Promise<ListedPhoto[]> {
  if (isInOrder(page)) return listInOrder(db, page);
  const near = await listNear(db, page);
  return near.length === page.limit ? near : listFound(db, page);
}

/** Whether one index yields the filter's photos in the order of the sort, with few rows read in vain. */
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

/** Prepared, as the most frequent query: one round trip instead of two. */
function listInOrder(db: Db, { filter, sort, limit, offset, after }: PhotoPage) {
  const { key, shape, values } = splitFilter(filter);
  const isAfter = after !== null;
  const page = { key: `page ${sort} ${isAfter} ${key}`, columns: listedColumns };
  const select = cacheSelect(db, page, () =>
    db
      .select(listedColumns)
      .from(photos)
      .where(and(matching(shape), isAfter ? behind(sort, cursorPlaceholders) : undefined))
      .orderBy(...orderOf(sort))
      .limit(sql.placeholder("limit"))
      .offset(sql.placeholder("offset")),
  );
  return select({ ...values, ...after, limit, offset });
}

/** Reading this many rows is faster than reading from the word index all rows with a word that is in every fortieth photo. */
const nearRows = 2_000;

/** The part of a filter that an index in the order of the sort can serve. */
function inOrderAlone(filter: PhotoFilter, sort: PhotoSort): PhotoFilter {
  const { isTrashed, kind } = filter;
  if (sort === "taken_at" || sort === "rating") return { isTrashed, kind };
  return { ...filter, tagKey: undefined, search: undefined, albumId: undefined };
}

/**
 * The part of the page that is within the next `nearRows` rows in order. It is full for frequent words and tags, of which
 * their index would return all rows. Not prepared, here and in `listFound`: the plan depends on how frequent a word is.
 */
async function listNear(db: Db, page: PhotoPage): Promise<ListedPhoto[]> {
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
    .select(listedColumns)
    .from(next)
    .where(matching(filter))
    .orderBy(...orderOf(sort))
    .limit(limit)
    .offset(offset);
}

/** The page from all matching photos: first their sort values, then the rows of the page. */
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
    .select(listedColumns)
    .from(photos)
    .where(sql`${photos.id} in ${onPage}`)
    .orderBy(...orderOf(sort));
}

/** The number of matching photos; counting stops at `bound`, null: never. */
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
  const statement = cacheStatement(db, `count ${bound} ${key}`, () =>
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
