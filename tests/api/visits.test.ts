import { afterAll, describe, expect, test } from "bun:test";
import { eq, sql } from "drizzle-orm";
import { createApp } from "#api/app";
import { shareLinks } from "#db/schema/shares";
import { type Body, createTestApi } from "#tests/support/api";
import { makeLink } from "#tests/support/links";
import { insertAlbum, insertPhoto } from "#tests/support/rows";
import { openCountedDatabase } from "#tests/support/statements";
import { formOf, pngOfShade, upload } from "#tests/support/uploads";

const password = "correct horse";
const hour = 3_600_000;

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

async function shareAlbum(options: object) {
  const photo = await insertPhoto(db);
  const albumId = await insertAlbum(db, [photo.id]);
  const link = await makeLink(api, { album_id: albumId, ...options });
  return { ...link, albumId, photoId: photo.id };
}

async function viewCount(id: string): Promise<number> {
  const [link] = await db.select().from(shareLinks).where(eq(shareLinks.id, id));
  return link!.viewCount;
}

/** A visitor with its own clock that sends the newest token it received. */
function visitorOf(key: string, by: "header" | "cookie") {
  const clock = { now: new Date() };
  const app = createApp({ ...api.deps, now: () => clock.now });
  let token: string | undefined;
  const headersNow = (): Record<string, string> => {
    if (token === undefined) return {};
    return by === "header" ? { "x-share-token": token } : { cookie: `share=${token}` };
  };
  const send = async (path: string, init: RequestInit = {}) =>
    app.handle(
      new Request(`http://localhost${path}`, {
        ...init,
        headers: { ...headersNow(), ...(init.headers as Record<string, string>) },
      }),
    );
  const keep = async (answer: Response) => {
    const given =
      by === "header"
        ? ((await answer.clone().json()) as Body).token
        : /^share=([^;]+)/.exec(answer.headers.get("set-cookie") ?? "")?.[1];
    token = given ?? token;
    return answer;
  };
  const post = async (path: string, body: string, type: string) =>
    keep(await send(path, { method: "POST", headers: { "content-type": type }, body }));
  const form = "application/x-www-form-urlencoded";

  return {
    pass: (ms: number) => {
      clock.now = new Date(clock.now.getTime() + ms);
    },
    /** The expiry in the token, in milliseconds. */
    end: () => Number(token?.split(".")[0]) * 1_000,
    unlock: () =>
      by === "header"
        ? post(`/api/v1/share/${key}/unlock`, JSON.stringify({ password }), "application/json")
        : post(`/s/${key}/unlock`, new URLSearchParams({ password }).toString(), form),
    open: async () =>
      by === "header"
        ? keep(await send(`/api/v1/share/${key}`))
        : post(`/s/${key}/unlock`, "", form),
    list: () => send(`/api/v1/share/${key}/photos`),
    get: send,
  };
}

describe.each(["header", "cookie"] as const)("a visit, by %s", (by) => {
  test("ends a day after it was counted, however often its token is renewed", async () => {
    const { id, key } = await shareAlbum({ password, max_views: 1 });
    const visitor = visitorOf(key, by);
    await visitor.unlock();
    await visitor.open();
    const end = visitor.end();
    expect(await viewCount(id)).toBe(1);
    for (let hours = 0; hours < 23; hours += 1) {
      visitor.pass(hour);
      await visitor.unlock();
      await visitor.open();
      expect(visitor.end()).toBe(end);
      expect((await visitor.list()).status).toBe(200);
    }
    visitor.pass(hour);
    expect((await visitor.list()).status).toBe(404);
    expect((await visitor.unlock()).status).toBe(404);
    expect(await viewCount(id)).toBe(1);
  }, 60_000);

  test("on another day is counted again", async () => {
    const { id, key } = await shareAlbum({ password, max_views: 2 });
    const visitor = visitorOf(key, by);
    await visitor.unlock();
    await visitor.open();
    visitor.pass(24 * hour);
    expect((await visitor.list()).status).toBe(401);
    await visitor.unlock();
    expect((await visitor.list()).status).toBe(404);
    await visitor.open();
    expect((await visitor.list()).status).toBe(200);
    expect(await viewCount(id)).toBe(2);
  }, 60_000);

  test("ends at the expiry that its link had, even if the link is extended", async () => {
    const { id, key } = await shareAlbum({ max_views: 1 });
    const soon = new Date(Date.now() + hour);
    await db.update(shareLinks).set({ expiresAt: soon }).where(eq(shareLinks.id, id));
    const visitor = visitorOf(key, by);
    await visitor.open();
    const end = visitor.end();
    await db.update(shareLinks).set({ expiresAt: null }).where(eq(shareLinks.id, id));
    await visitor.unlock();
    expect(visitor.end()).toBe(end);
    expect(end).toBeLessThanOrEqual(soon.getTime());
  });
});

describe("a visit is counted only after its answer was made", () => {
  /** A fault while an answer is made, and its repair. */
  const faults: [string, string, string][] = [
    [
      "the list of photos",
      "alter table album_photos rename column rank to away",
      "alter table album_photos rename column away to rank",
    ],
    [
      "the name of the album",
      "alter table albums rename column name to away",
      "alter table albums rename column away to name",
    ],
  ];

  test.each(faults)(
    "where %s cannot be read, no visit is used, by a program or the Open button",
    async (_what, breakIt, mendIt) => {
      const { id, key } = await shareAlbum({ max_views: 1 });
      const [program, person] = [visitorOf(key, "header"), visitorOf(key, "cookie")];
      await db.execute(sql.raw(breakIt));
      const statuses = [(await program.open()).status, (await person.open()).status];
      await db.execute(sql.raw(mendIt));
      expect(statuses).toEqual([500, 500]);
      expect(await viewCount(id)).toBe(0);
      expect((await person.open()).status).toBe(303);
      expect((await person.get(`/s/${key}/`)).status).toBe(200);
      expect(await viewCount(id)).toBe(1);
    },
  );

  test("a failed page of a link without a limit counts as no view", async () => {
    const { id, key } = await shareAlbum({});
    await db.execute(sql.raw(faults[0]![1]));
    const failed = (await api.request(`/s/${key}/`)).status;
    await db.execute(sql.raw(faults[0]![2]));
    expect([failed, await viewCount(id)]).toEqual([500, 0]);
    expect((await api.request(`/s/${key}/`)).status).toBe(200);
    expect(await viewCount(id)).toBe(1);
  });

  test("a first request that is refused for its cursor or page uses no visit", async () => {
    const other = await shareAlbum({});
    const { id, key } = await shareAlbum({ max_views: 1 });
    const more = await insertPhoto(db);
    await db.execute(
      sql`insert into album_photos (album_id, photo_id, rank) values (${other.albumId}, ${more.id}, 5000000)`,
    );
    const first = await api.request(`/api/v1/share/${other.key}?limit=1`);
    const { next_cursor: cursor } = ((await first.json()) as Body).album.photos;
    expect(cursor).toBeString();
    for (const query of [`cursor=${cursor}`, "cursor=x", "offset=-1", "limit=0"]) {
      const { status } = await api.request(`/api/v1/share/${key}?${query}`);
      expect([query, status]).toEqual([query, 400]);
    }
    for (const page of ["0", "x", "10001"]) {
      const { status } = await api.request(`/s/${key}/?page=${page}`);
      expect([page, status]).toEqual([page, 400]);
    }
    expect(await viewCount(id)).toBe(0);
  });
});

test("a visitor's request looks up its link once", async () => {
  const database = openCountedDatabase(api.deps.config.secrets.databaseUrl);
  const app = createApp({ ...api.deps, database });
  const { body: photo } = await upload(api, formOf([{ bytes: await pngOfShade(77) }]));
  const single = await makeLink(api, { photo_id: photo["id"] });
  const album = await makeLink(api, { album_id: await insertAlbum(db, [photo["id"]]) });
  const ask = async (path: string) => {
    const before = database.statements();
    const answer = await app.handle(new Request(`http://localhost${path}`));
    await answer.body?.cancel();
    return { path, status: answer.status, statements: database.statements() - before };
  };
  const bases = [single, album].flatMap(({ key }) => [`/s/${key}`, `/api/v1/share/${key}`]);
  for (const base of bases) {
    for (const size of ["thumbnail", "preview"]) {
      const path = `${base}/photos/${photo["id"]}/${size}`;
      expect(await ask(path)).toEqual({ path, status: 200, statements: 1 });
    }
  }
  const list = `/api/v1/share/${single.key}/photos`;
  expect(await ask(list)).toEqual({ path: list, status: 200, statements: 1 });
  // The second one counts the view.
  const page = `/s/${single.key}/`;
  expect(await ask(page)).toEqual({ path: page, status: 200, statements: 2 });
  await database.close();
});

describe("a prefetch uses no visit and counts as no view", () => {
  test.each([
    ["sec-purpose", "prefetch"],
    ["sec-purpose", "prefetch;prerender"],
    ["purpose", "prefetch"],
    ["x-moz", "prefetch"],
    ["x-purpose", "preview"],
  ])("sent with %s: %s, to JSON and pages", async (name, value) => {
    const headers = { [name]: value };
    const [counted, unlimited] = [await shareAlbum({ max_views: 1 }), await shareAlbum({})];
    const ask = async (path: string) => (await api.request(path, { headers })).status;
    expect(await ask(`/api/v1/share/${counted.key}`)).toBe(404);
    expect(await ask(`/s/${counted.key}/`)).toBe(200);
    expect(await ask(`/api/v1/share/${unlimited.key}`)).toBe(200);
    expect(await ask(`/s/${unlimited.key}/`)).toBe(200);
    expect([await viewCount(counted.id), await viewCount(unlimited.id)]).toEqual([0, 0]);

    const program = visitorOf(counted.key, "header");
    await program.open();
    expect((await program.get(`/api/v1/share/${counted.key}`, { headers })).status).toBe(200);
    expect(await viewCount(counted.id)).toBe(1);
  });
});
