import { t, type Static, type TSchema } from "elysia";
import { invalid } from "#errors";
import { oneOf } from "../fields/one-of";
import { textBody } from "../http/responses/text-body";
import { type CursorKeys, decodeCursor, encodeCursor } from "./cursor";

/** Totals are exact up to this number. */
const totalBound = 10_000;

/** The paging parameters of a list's query. */
export function pageQuery(defaultLimit = 50) {
  return {
    limit: t.Optional(t.Integer({ minimum: 1, maximum: 100, default: defaultLimit })),
    offset: t.Optional(t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    cursor: t.Optional(t.String({ minLength: 1, maxLength: 1_024 })),
    exact_total: t.Optional(t.Boolean({ default: false })),
    total: t.Optional(t.Boolean({ default: true })),
  };
}

/** The requested page: by offset, with a total unless it is left out, or after a cursor, without a total. */
export type Page =
  | { by: "offset"; limit: number; offset: number; total: "none" | "bounded" | "exact" }
  | { by: "cursor"; limit: number; cursor: string };

/** @throws AppError validation_error when both cursor and offset are given */
export function pageOf(
  query: {
    limit?: number;
    offset?: number;
    cursor?: string;
    exact_total?: boolean;
    total?: boolean;
  },
  defaultLimit = 50,
): Page {
  const limit = query.limit ?? defaultLimit;
  if (query.cursor === undefined) {
    const total = query.total === false ? "none" : query.exact_total ? "exact" : "bounded";
    return { by: "offset", limit, offset: query.offset ?? 0, total };
  }
  if (query.offset !== undefined) {
    throw invalid("Page with cursor or with offset, not with both.", [
      { path: "offset", message: "not together with cursor" },
    ]);
  }
  return { by: "cursor", limit, cursor: query.cursor };
}

/** Whether a page has a total. */
export function isCounted(page: Page): page is Extract<Page, { by: "offset" }> {
  return page.by === "offset" && page.total !== "none";
}

/** @param counted the rows, counted up to `bound` plus one or, if `exact`, in full; null when not counted */
function totalOf(counted: number | null, exact: boolean, bound: number) {
  if (counted === null) return { total: null, total_relation: null };
  const isBeyond = !exact && counted > bound;
  return {
    total: isBeyond ? bound : counted,
    total_relation: isBeyond ? ("gte" as const) : ("eq" as const),
  };
}

/** The schema of a list of `item`. */
export function listOf<T extends TSchema>(item: T) {
  return t.Object({
    items: t.Array(item),
    total: t.Nullable(t.Integer({ minimum: 0 })),
    total_relation: t.Nullable(oneOf(["eq", "gte"])),
    limit: t.Integer(),
    offset: t.Nullable(t.Integer()),
    next_cursor: t.Nullable(t.String()),
  });
}

/** The body of a list's answer. */
export type List<Item> = Omit<Static<ReturnType<typeof listOf>>, "items"> & { items: Item[] };

/** How a list is read from the database. */
type PagedRows<Row, After> = {
  /** What a cursor belongs to: the list, its sort and its filters. */
  scope: unknown;
  /** @throws AppError validation_error when the keys are not of this list's form */
  parseKeys: (keys: CursorKeys) => After;
  rows: (part: { after: After | null; limit: number; offset: number }) => Promise<Row[]>;
  keysOf: (row: Row) => CursorKeys;
  /** Counting may stop at `bound`; null: count all. */
  count: (bound: number | null) => Promise<number>;
  /** The total is exact up to this number, unless an exact total is requested. */
  bound?: number;
};

/** The rows of a page; `counted` is null where nothing is counted, `nextCursor` on the last page. */
export type PageRows<Row> = {
  rows: Row[];
  counted: number | null;
  nextCursor: string | null;
  bound: number;
};

/** @throws AppError validation_error when the cursor is of another list */
export async function readPage<Row, After>(
  page: Page,
  { scope, parseKeys, rows, keysOf, count, bound = totalBound }: PagedRows<Row, After>,
): Promise<PageRows<Row>> {
  // One more row than requested shows whether there is a next page.
  const limit = page.limit + 1;
  const [found, counted] = await (page.by === "cursor"
    ? [await rows({ after: parseKeys(decodeCursor(scope, page.cursor)), limit, offset: 0 }), null]
    : Promise.all([
        rows({ after: null, limit, offset: page.offset }),
        isCounted(page) ? count(page.total === "exact" ? null : bound + 1) : null,
      ]));
  const last = found.length > page.limit ? found[page.limit - 1] : undefined;
  return {
    rows: found.slice(0, page.limit),
    counted,
    nextCursor: last ? encodeCursor(scope, keysOf(last)) : null,
    bound,
  };
}

/** Builds the body of a list. */
export function listBody<Item>(
  page: Page,
  { counted, nextCursor, bound }: Omit<PageRows<unknown>, "rows">,
  items: Item[],
): List<Item> {
  return {
    items,
    ...totalOf(counted, page.by === "offset" && page.total === "exact", bound),
    limit: page.limit,
    offset: page.by === "offset" ? page.offset : null,
    next_cursor: nextCursor,
  };
}

/**
 * Answers a page of a list whose rows are converted one by one.
 * @param list.item the schema of an item
 * @throws AppError validation_error when the cursor is of another list
 */
export async function answerList<Item extends TSchema, Row, After>(
  request: Request,
  page: Page,
  list: PagedRows<Row, After> & { item: Item; toWire: (row: Row) => NoInfer<Static<Item>> },
): Promise<Response> {
  const read = await readPage(page, list);
  const items = read.rows.map((row) => list.toWire(row));
  return answerJson<List<Static<Item>>>(request, listBody(page, read, items));
}

/**
 * A JSON body with a weak ETag; 304 when the client already has it. A `Response` is not checked against the route's
 * schema by Elysia's types, so callers pass the schema's type as `Body`.
 */
export function answerJson<Body = never>(request: Request, body: NoInfer<Body>): Response {
  const text = JSON.stringify(body);
  const etag = `W/"${Bun.hash.xxHash3(text).toString(36)}"`;
  const headers = { etag, "cache-control": "private, no-cache", vary: "Accept" };
  if (isKnown(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(textBody(text), {
    headers: { ...headers, "content-type": "application/json" },
  });
}

/** RFC 9110 §13.1.2, weak comparison. */
export function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const opaqueTag = (tag: string) => tag.trim().replace(/^W\//, "");
  return ifNoneMatch.split(",").some((tag) => opaqueTag(tag) === opaqueTag(etag));
}
