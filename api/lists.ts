import { t, type Static, type TSchema } from "elysia";
import { invalid } from "#errors";

/** A total is exact up to here. */
export const totalBound = 10_000;

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

/**
 * Builds the body of a list. `counted`: see `totalOf`. `nextCursor`: null on the last page. `bound`: up to where
 * its total is exact.
 */
export function listBody(
  page: Page,
  list: { items: readonly unknown[]; counted: number | null; nextCursor: string | null },
  bound = totalBound,
): ListBody {
  return {
    items: list.items,
    ...totalOf(list.counted, page.by === "offset" && page.exactTotal, bound),
    limit: page.limit,
    offset: page.by === "offset" ? page.offset : null,
    next_cursor: list.nextCursor,
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
