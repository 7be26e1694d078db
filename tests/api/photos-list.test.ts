import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertAlbum, insertPhoto } from "#tests/support/rows";

type Json = Record<string, any>;
let api: TestApi;
/** Newest first, as in the list: 25 rows, five per moment, so that ids break the ties. */
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

  test("by cursor every photo appears once, in the same order, also while new ones arrive", async () => {
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

  /** Photos that a test added later. */
  async function extra(): Promise<number> {
    return ((await list("?since=2026-06-01T00:00:00Z")).body["total"] as number) ?? 0;
  }

  test("oldest reverses the order, also by cursor", async () => {
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

describe("sorts", () => {
  let own: TestApi;
  let byName: Map<string, string>;
  beforeAll(async () => {
    own = await createTestApi();
    byName = new Map();
    const day = (n: number) => new Date(Date.UTC(2026, 2, n, 12));
    for (const [name, fields] of Object.entries({
      a: { createdAt: day(1), rating: 5, takenAt: "2020-05-05 10:00:00.5" },
      b: { createdAt: day(2), rating: null, takenAt: null },
      c: { createdAt: day(3), rating: 0, takenAt: "2026-03-02 11:59:59" },
      d: { createdAt: day(4), rating: 5, takenAt: null },
      e: { createdAt: day(4), rating: 2, takenAt: "2026-03-02 12:00:00" },
      f: { createdAt: day(5), rating: null, takenAt: "1999-12-31 23:59:59" },
    })) {
      const { id } = await insertPhoto(own.deps.database.db, { ...fields, tags: ["all"] });
      byName.set(id, name);
    }
  });
  afterAll(() => own.close());

  // With a filter, Postgres uses another plan: it reads in order, or sorts all matches.
  describe.each(["", "&tag=ALL", "&favorite=false", "&q=photo"])("with %p", (filter) => {
    test.each([
      ["newest", /^f(de|ed)cba$/],
      ["oldest", /^abc(de|ed)f$/],
      ["taken_at", /^d(eb|be)caf$/],
      ["rating", /^daecfb$/],
    ])("%s, the same by offset and by cursor", async (sort, order) => {
      let seen = "";
      let cursor = "";
      do {
        const response = await own.request(`/api/v1/photos?sort=${sort}&limit=2${filter}${cursor}`);
        const { items, next_cursor } = (await response.json()) as Json;
        seen += items.map((item: Json) => byName.get(item["id"])).join("");
        cursor = next_cursor ? `&cursor=${next_cursor}` : "";
      } while (cursor !== "");
      expect(seen).toMatch(order);
      const offset = await own.request(`/api/v1/photos?sort=${sort}&limit=3&offset=3${filter}`);
      const { items } = (await offset.json()) as Json;
      expect(items.map((item: Json) => byName.get(item["id"])).join("")).toBe(seen.slice(3));
    });
  });

  test("a cursor of another sort, or with a made-up clock, is 400", async () => {
    const first = await own.request("/api/v1/photos?sort=rating&limit=2");
    const { next_cursor } = (await first.json()) as Json;
    const other = await own.request(`/api/v1/photos?sort=taken_at&limit=2&cursor=${next_cursor}`);
    expect(other.status).toBe(400);
    const [digest, createdAt, , rating, id] = JSON.parse(
      Buffer.from(next_cursor, "base64url").toString(),
    );
    for (const clock of ["x", "2026-99-01 00:00:00", "2026-02-01", 5]) {
      const forged = Buffer.from(JSON.stringify([digest, createdAt, clock, rating, id]));
      const response = await own.request(
        `/api/v1/photos?sort=rating&limit=2&cursor=${forged.toString("base64url")}`,
      );
      expect({ clock, status: response.status }).toEqual({ clock, status: 400 });
    }
  });
});

describe("search and further filters", () => {
  let own: TestApi;
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    own = await createTestApi();
    const { db } = own.deps.database;
    const add = async (name: string, fields: Parameters<typeof insertPhoto>[1]) => {
      ids[name] = (await insertPhoto(db, { filename: `${name}.png`, ...fields })).id;
    };
    await add("fox", {
      kind: "generated",
      generation: { prompt: "Ein roter Füchs, Élan", negativePrompt: "blurry", modelKey: "m1" },
    });
    await add("foxes", {
      kind: "generated",
      generation: { prompt: "Ein roter Füchs, Élan", modelKey: "m2" },
      retrievalStatus: "failed",
    });
    await add("tokyo", { title: "東京都の夜景", tags: ["Straße", "C++"] });
    await add("plain", { tags: ["strasse 7"] });
    await add("gone", { title: "fuchs", deletedAt: new Date() });
    await add("purged", { deletedAt: new Date(), purgedAt: new Date() });
  });
  afterAll(() => own.close());

  async function names(query: string): Promise<string[]> {
    const response = await own.request(`/api/v1/photos?${query}`);
    const { items, total } = (await response.json()) as Json;
    const found = items.map((item: Json) => item["filename"].replace(".png", ""));
    expect(total).toBe(found.length);
    return found.toSorted();
  }

  test.each([
    ["fuchs", ["fox", "foxes"]],
    ["FÜCHS roter", ["fox", "foxes"]],
    ["fuchs blurry", ["fox"]],
    ["elan blu", ["fox"]],
    ["fuc", ["fox", "foxes"]],
    ["fu", []],
    ["fuc roter", []],
    ["foxes", ["foxes"]],
    ["fox", ["fox", "foxes"]],
    ["夜景", ["tokyo"]],
    ["京", ["tokyo"]],
    ["strasse", ["plain", "tokyo"]],
    ["'; drop", []],
    ["fuchs & !blurry | (", ["fox"]],
    ["!!!", []],
  ])("q=%p finds %j", async (q, found) => {
    expect(await names(`q=${encodeURIComponent(q)}`)).toEqual(found);
  });

  test("a blank q is ignored", async () => {
    expect(await names("q=%20")).toHaveLength(4);
  });

  test("tag: case is ignored, and the whole tag must match", async () => {
    expect(await names(`tag=${encodeURIComponent(" STRAßE ")}`)).toEqual(["tokyo"]);
    expect(await names("tag=c%2B%2B")).toEqual(["tokyo"]);
    expect(await names("tag=stra")).toEqual([]);
  });

  test("model_key, retrieval_status, and both", async () => {
    expect(await names("model_key=m1")).toEqual(["fox"]);
    expect(await names("retrieval_status=failed")).toEqual(["foxes"]);
    expect(await names("retrieval_status=failed&model_key=m1")).toEqual([]);
  });

  test("same_prompt_as; for a photo without a prompt, or an unknown one, nothing matches", async () => {
    expect(await names(`same_prompt_as=${ids["fox"]}`)).toEqual(["fox", "foxes"]);
    expect(await names(`same_prompt_as=${ids["plain"]}`)).toEqual([]);
    expect(await names(`same_prompt_as=${crypto.randomUUID()}`)).toEqual([]);
  });

  test("the trash is searched only on request; purged photos are in no list", async () => {
    expect(await names("trashed=true")).toEqual(["gone"]);
    expect(await names("trashed=true&q=fuchs")).toEqual(["gone"]);
    expect(await names("trashed=true&sort=taken_at")).toEqual(["gone"]);
  });

  test("the total of a search is exact up to 1 000", async () => {
    await own.deps.database.sql`
      insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status, search)
      select gen_random_uuid(), 'uploaded', 'x', 'image/png', 1, 1, 1, encode(sha256(n::text::bytea), 'hex'), 'completed', 'many'
      from generate_series(1, 1001) n`;
    const ask = async (query: string) =>
      (await (await own.request(`/api/v1/photos?limit=1&q=many${query}`)).json()) as Json;
    expect(await ask("")).toMatchObject({ total: 1_000, total_relation: "gte" });
    expect(await ask("&exact_total=true")).toMatchObject({ total: 1_001, total_relation: "eq" });
  });
});

test.each([
  [
    "UTC",
    [
      { month: "2026-02", count: 2 },
      { month: "2026-01", count: 1 },
      { month: "2019-07", count: 1 },
    ],
  ],
  [
    "Pacific/Auckland",
    [
      { month: "2026-02", count: 3 },
      { month: "2019-07", count: 1 },
    ],
  ],
])("the timeline counts months as in %s, but the camera's clock as it is", async (zone, months) => {
  const own = await createTestApi({ TIME_ZONE: zone });
  const { db } = own.deps.database;
  await insertPhoto(db, { createdAt: new Date("2026-01-31T20:00:00Z") });
  await insertPhoto(db, { createdAt: new Date("2026-02-10T20:00:00Z") });
  await insertPhoto(db, { takenAt: "2019-07-31 23:30:00" });
  await insertPhoto(db, { takenAt: "2026-02-01 00:00:00" });
  await insertPhoto(db, { deletedAt: new Date() });
  const response = await own.request("/api/v1/photos/timeline");
  expect(await response.json()).toEqual({ items: months });
  expect(response.headers.get("etag")).toStartWith('W/"');
  await own.close();
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

test("a total above 10 000 is given as 10 000 or more, unless an exact one is requested", async () => {
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
