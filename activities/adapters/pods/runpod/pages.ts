import type { Http } from "../../http";
import { broken } from "../../http-failures";
import { Paginated, parseAnswer } from "./wire";

const maxPages = 200;
/** The pods of strangers come with their whole environment, up to 100 kB each. */
const pageMaxBytes = 32 * 1024 * 1024;

/**
 * All entries of a list; `limit` is of a page, for lists that know it. A page may hold fewer entries than that: only its
 * `pagination` says whether it is the last.
 * @throws ProviderError `broken` when the list does not end or misses a page; never returns a part of it
 */
export async function readPages(
  http: Http,
  list: { path: string; key: string; limit?: number },
  signal?: AbortSignal,
): Promise<unknown[]> {
  const entries: unknown[] = [];
  const cursors = new Set<string>();
  let cursor: string | undefined;
  for (let page = 1; page <= maxPages; page += 1) {
    const query = {
      ...(list.limit !== undefined && { limit: list.limit }),
      ...(cursor !== undefined && { cursor }),
    };
    const request = { path: list.path, query, maxBytes: pageMaxBytes };
    const answer = parseAnswer(Paginated, await http.readJson(request, signal));
    entries.push(...entriesOf(answer, list.key));
    const { hasNextPage = false, nextCursor } = answer.pagination ?? {};
    if (!hasNextPage) return entries;
    if (nextCursor === undefined || nextCursor === null || cursors.has(nextCursor)) {
      throw broken("runpod", "answered with a list whose next page cannot be found");
    }
    cursors.add(nextCursor);
    cursor = nextCursor;
  }
  throw broken("runpod", `answered with a list of more than ${maxPages} pages`);
}

function entriesOf(answer: object, key: string): unknown[] {
  const entries: unknown = Object.entries(answer).find(([name]) => name === key)?.[1];
  if (Array.isArray(entries)) return entries;
  throw broken("runpod", "answered with a list in an unknown format");
}
