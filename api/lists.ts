import { t, type Static, type TSchema } from "elysia";
import { invalid } from "#errors";
import { type CursorKeys, decodeCursor, encodeCursor } from "./cursor";

/** A total is exact up to here. */
const totalBound = 10_000;

/** The paging part of a list's query; `defaultLimit` is 50 but for sessions. */
export function pageQuery(defaultLimit = 50) {
  return {
    limit: t.Optional(t.Integer({ minimum: 1, maximum: 100, default: defaultLimit })),
    offset: t.Optional(t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    cursor: t.Optional(t.String({ minLength: 1, maxLength: 1_024 })),
    exact_total: t.Optional(t.Boolean({ default: false })),
  };
}

/** Which page is wanted: by place, with a total, or from a cursor on, without one. */
export type Page =
  | { by: "offset"; limit: number; offset: number; exactTotal: boolean }
  | { by: "cursor"; limit: number; cursor: string };

/** @throws AppError validation_error when both ways are asked for at once */
export function pageOf(
  query: { limit?: number; offset?: number; cursor?: string; exact_total?: boolean },
  defaultLimit = 50,
): Page {
  const limit = query.limit ?? defaultLimit;
  if (query.cursor === undefined) {
    const exactTotal = query.exact_total ?? false;
    return { by: "offset", limit, offset: query.offset ?? 0, exactTotal };
  }
  if (query.offset !== undefined) {
    throw invalid("Page with cursor or with offset, not with both.", [
      { path: "offset", message: "not together with cursor" },
    ]);
  }
  return { by: "cursor", limit, cursor: query.cursor };
}

/** `total` as counted up to the bound plus one, or in full; null when it was not counted. */
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
    total_relation: t.Nullable(t.Union([t.Literal("eq"), t.Literal("gte")])),
    limit: t.Integer(),
    offset: t.Nullable(t.Integer()),
    next_cursor: t.Nullable(t.String()),
  });
}

type ListBody = Omit<Static<ReturnType<typeof listOf>>, "items"> & { items: readonly unknown[] };

/** How a list is read from the database. */
type PagedRows<Row, Place> = {
  /** What a cursor belongs to: the list, its sort and its filters. */
  scope: unknown;
  /** @throws AppError validation_error when the keys are no place of this list */
  placeOf: (keys: CursorKeys) => Place;
  rows: (part: { after: Place | null; limit: number; offset: number }) => Promise<Row[]>;
  keysOf: (row: Row) => CursorKeys;
  /** May stop at `bound`; counts all when it is null. */
  count: (bound: number | null) => Promise<number>;
  /** Up to where the total is exact unless more is asked for. */
  bound?: number;
};

/** The rows of a page; `counted` is null where pages are turned by cursor, `nextCursor` on the last one. */
export type PageRows<Row> = {
  rows: Row[];
  counted: number | null;
  nextCursor: string | null;
  bound: number;
};

/** @throws AppError validation_error when the cursor is of another list */
export async function readPage<Row, Place>(
  page: Page,
  { scope, placeOf, rows, keysOf, count, bound = totalBound }: PagedRows<Row, Place>,
): Promise<PageRows<Row>> {
  // One more than asked for tells whether there is a next page.
  const limit = page.limit + 1;
  const [found, counted] = await (page.by === "cursor"
    ? [await rows({ after: placeOf(decodeCursor(scope, page.cursor)), limit, offset: 0 }), null]
    : Promise.all([
        rows({ after: null, limit, offset: page.offset }),
        count(page.exactTotal ? null : bound + 1),
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
export function listBody(
  page: Page,
  { counted, nextCursor, bound }: Omit<PageRows<unknown>, "rows">,
  items: readonly unknown[],
): ListBody {
  return {
    items,
    ...totalOf(counted, page.by === "offset" && page.exactTotal, bound),
    limit: page.limit,
    offset: page.by === "offset" ? page.offset : null,
    next_cursor: nextCursor,
  };
}

/** A JSON body with a weak ETag; 304 when the client has it already. */
export function answerJson(request: Request, body: unknown): Response {
  const text = JSON.stringify(body);
  const etag = `W/"${Bun.hash.xxHash3(text).toString(36)}"`;
  const headers = { etag, "cache-control": "private, no-cache", vary: "Accept" };
  if (isKnown(request.headers.get("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(text, { headers: { ...headers, "content-type": "application/json" } });
}

/** RFC 9110 §13.1.2, weak comparison. */
export function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const bare = (tag: string) => tag.trim().replace(/^W\//, "");
  return ifNoneMatch.split(",").some((tag) => bare(tag) === bare(etag));
}
