import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertAlbum, insertPhoto } from "#tests/support/rows";

type Json = Record<string, any>;
let api: TestApi;
/** Newest first, as the list has them: 25 rows, five of each moment, so that ids decide. */
let ids: string[];

beforeAll(async () => {
  api = await createTestApi();
  const { db } = api.deps.database;
  const rows = [];
  for (let n = 0; n < 25; n += 1) {
    rows.push(
      await insertPhoto(db, {
        createdAt: new Date(Date.UTC(2026, 0, 1 + Math.floor(n / 5), 12, 0, 0, 123)),
        kind: n % 2 === 0 ? "uploaded" : "generated",
        isFavorite: n < 3,
      }),
    );
  }
  rows.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1));
  ids = rows.map((row) => row.id);
  await insertPhoto(db, { deletedAt: new Date() });
});
afterAll(() => api.close());

async function list(query = ""): Promise<{ status: number; body: Json; headers: Headers }> {
  const response = await api.request(`/api/v1/photos${query}`);
  const body = response.status === 304 ? {} : ((await response.json()) as Json);
  return { status: response.status, body, headers: response.headers };
}
const idsOf = (body: Json) => body["items"].map((item: Json) => item["id"]);

describe("paging", () => {
  test("newest first, ties by id, without the trash, with an exact total", async () => {
    const { body } = await list();
    expect(idsOf(body)).toEqual(ids);
    expect(body).toMatchObject({
      total: 25,
      total_relation: "eq",
      limit: 50,
      offset: 0,
      next_cursor: null,
    });
  });

  test("by offset", async () => {
    const { body } = await list("?limit=10&offset=20");
    expect(idsOf(body)).toEqual(ids.slice(20));
    expect(body).toMatchObject({ total: 25, limit: 10, offset: 20, next_cursor: null });
  });

  test("by cursor every photo comes once, in the same order, also while new ones arrive", async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { body } = await list(`?limit=7${cursor === null ? "" : `&cursor=${cursor}`}`);
      seen.push(...idsOf(body));
      expect(body["total"]).toBe(cursor === null ? 25 + (await extra()) : null);
      cursor = body["next_cursor"];
      if (seen.length === 7) await insertPhoto(api.deps.database.db, { isFavorite: true });
    } while (cursor !== null);
    expect(seen).toEqual(ids);
  });

  /** Photos that a test added later on. */
  async function extra(): Promise<number> {
    return ((await list("?since=2026-06-01T00:00:00Z")).body["total"] as number) ?? 0;
  }

  test("oldest turns the order round, also by cursor", async () => {
    const until = "until=2026-06-01T00:00:00Z";
    const first = await list(`?sort=oldest&limit=20&${until}`);
    const second = await list(`?sort=oldest&limit=20&${until}&cursor=${first.body["next_cursor"]}`);
    expect([...idsOf(first.body), ...idsOf(second.body)]).toEqual(ids.toReversed());
  });

  test("cursor with offset, of other filters, or made up, is 400", async () => {
    const { body } = await list("?limit=5&until=2026-06-01T00:00:00Z");
    const cursor = body["next_cursor"];
    for (const query of [
      `?cursor=${cursor}&offset=0&until=2026-06-01T00:00:00Z`,
      `?cursor=${cursor}`,
      `?cursor=${cursor}&until=2026-06-01T00:00:00Z&sort=oldest`,
      "?cursor=nonsense",
      `?cursor=${Buffer.from('["x",1,2]').toString("base64url")}`,
    ]) {
      const answer = await list(query);
      expect({ query, status: answer.status }).toEqual({ query, status: 400 });
      expect(answer.body["error"].code).toBe("validation_error");
    }
  });

  test.each([
    "limit=0",
    "limit=101",
    "limit=x",
    "offset=-1",
    "generated=maybe",
    "sort=size",
    "since=now",
    "session_id=1",
  ])("%s is 400 and names the parameter", async (query) => {
    const { status, body } = await list(`?${query}`);
    expect(status).toBe(400);
    expect(body["error"].details.errors[0].path).toStartWith(query.split("=")[0]!);
  });

  test("an unknown parameter is ignored", async () => {
    expect((await list("?colour=red")).status).toBe(200);
  });
});

describe("filters", () => {
  test("generated, favorite, since and until, trashed", async () => {
    const until = "until=2026-06-01T00:00:00Z";
    expect((await list(`?generated=true&${until}`)).body["total"]).toBe(12);
    expect((await list(`?generated=false&${until}`)).body["total"]).toBe(13);
    expect((await list(`?favorite=true&${until}`)).body["total"]).toBe(3);
    const day = "since=2026-01-02T00:00:00Z&until=2026-01-03T00:00:00Z";
    expect((await list(`?${day}`)).body["total"]).toBe(5);
    expect((await list("?trashed=true")).body["total"]).toBe(1);
  });

  test("album, session and step", async () => {
    const albumId = await insertAlbum(api.deps.database.db, ids.slice(0, 3));
    expect(idsOf((await list(`?album_id=${albumId}`)).body)).toEqual(ids.slice(0, 3));
    expect((await list(`?session_id=${crypto.randomUUID()}`)).body["total"]).toBe(0);
    expect((await list(`?step_id=${crypto.randomUUID()}`)).body["total"]).toBe(0);
  });
});

test("a list has a weak ETag and is 304 until something changes", async () => {
  const first = await list("?limit=5");
  const etag = first.headers.get("etag") ?? "";
  expect(etag).toStartWith('W/"');
  const again = () => api.request("/api/v1/photos?limit=5", { headers: { "if-none-match": etag } });
  const same = await again();
  expect({ status: same.status, body: await same.text() }).toEqual({ status: 304, body: "" });
  await api.request(`/api/v1/photos/${idsOf(first.body)[0]}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: '{"title":"changed"}',
  });
  expect((await again()).status).toBe(200);
});

test("a total above 10 000 is 10 000 or more, unless an exact one is asked for", async () => {
  const own = await createTestApi();
  await own.deps.database.sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status)
    select gen_random_uuid(), 'uploaded', 'x', 'image/png', 1, 1, 1, encode(sha256(n::text::bytea), 'hex'), 'completed'
    from generate_series(1, 10003) n`;
  const ask = async (query: string) =>
    (await (await own.request(`/api/v1/photos?limit=1${query}`)).json()) as Json;
  expect(await ask("")).toMatchObject({ total: 10_000, total_relation: "gte" });
  expect(await ask("&exact_total=true")).toMatchObject({ total: 10_003, total_relation: "eq" });
  await own.close();
});
