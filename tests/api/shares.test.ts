import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { deflateSync, inflateSync } from "node:zlib";
import { albumPhotos, albums } from "#db/schema/albums";
import { photos } from "#db/schema/photos";
import { shareLinks } from "#db/schema/shares";
import { createApp } from "#api/app";
import { sha256Of } from "#sha256";
import { type Body, createTestApi } from "#tests/support/api";
import {
  callAs,
  linklessRoutes,
  openRoutesOf,
  shareRoutes,
  type Visitor,
} from "#tests/support/public-routes";
import { insertAlbum } from "#tests/support/rows";
import { openCountedDatabase } from "#tests/support/statements";
import { painted, pngChunk, withPngChunks } from "#tests/fixtures/pictures";

const canary = "CANARY-4711";
const password = "correct horse";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

let painting = 0;

/** A picture like InvokeAI's, with a canary in every field that can contain text. */
async function uploadPicture(): Promise<string> {
  const png = await painted(96 + (painting += 1), 64)
    .withExif({
      IFD0: { ImageDescription: canary, Artist: canary },
      IFD3: { GPSLatitudeRef: "N", GPSLatitude: "51/1 30/1 3230/100" },
    })
    .png()
    .toBuffer();
  const text = (keyword: string, value: string) =>
    pngChunk("tEXt", Buffer.from(`${keyword}\0${value}`, "latin1"));
  const zipped = Buffer.concat([
    Buffer.from("invokeai_graph\0\0", "latin1"),
    deflateSync(Buffer.from(canary)),
  ]);
  const marked = withPngChunks(
    png,
    text("invokeai_metadata", JSON.stringify({ positive_prompt: canary })),
    pngChunk("zTXt", zipped),
  );
  const form = new FormData();
  form.append("file", new File([Buffer.concat([marked, Buffer.from(canary)])], `${canary}.png`));
  const answer = await api.request("/api/v1/photos", { method: "POST", body: form });
  expect(answer.status).toBe(201);
  const { id } = (await answer.json()) as Body;
  await db
    .update(photos)
    .set({
      title: canary,
      tags: [canary],
      generation: { prompt: canary, negativePrompt: canary, modelName: canary, modelKey: canary },
    })
    .where(eq(photos.id, id));
  return id;
}

async function share(body: object): Promise<{ id: string; key: string }> {
  const answer = await api.postJson("/api/v1/share", body);
  const made = (await answer.json()) as Body;
  expect([answer.status, made.error]).toEqual([201, undefined]);
  return { id: made.id, key: made.access_key };
}

const get = (path: string, headers: Record<string, string> = {}) => api.request(path, { headers });

async function unlock(key: string, given = password): Promise<string> {
  const answer = await api.postJson(`/api/v1/share/${key}/unlock`, { password: given });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as Body).token;
}

function postForm(path: string, fields: Record<string, string>, headers = {}) {
  return api.request(path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields).toString(),
  });
}

const setLink = (id: string, change: Partial<typeof shareLinks.$inferInsert>) =>
  db.update(shareLinks).set(change).where(eq(shareLinks.id, id));

describe("the owner's routes", () => {
  test("a link's key is returned once, only its hash is stored, and a repeat does not return the key", async () => {
    const photo_id = await uploadPicture();
    const send = () =>
      api.postJson("/api/v1/share", { photo_id, password }, { "idempotency-key": "link" });
    const first = await send();
    const made = (await first.json()) as Body;
    expect([first.status, made.access_key]).toEqual([201, expect.stringMatching(/^[\w-]{43}$/)]);
    expect(made.url).toBe(`http://localhost/s/${made.access_key}/`);
    expect(made.warning).toContain("PUBLIC_URL");
    expect([made.allow_download, made.show_metadata, made.has_password]).toEqual([
      false,
      false,
      true,
    ]);

    const again = await send();
    const repeated = (await again.json()) as Body;
    expect([again.status, repeated.id]).toEqual([200, made.id]);
    expect(Object.keys(repeated)).not.toContain("access_key");
    expect(Object.keys(repeated)).not.toContain("url");

    const dump = JSON.stringify([
      await db.execute("select * from share_links"),
      await db.execute("select * from idempotency_keys"),
      (await (await get("/api/v1/share/links")).json()) as Body,
    ]);
    expect(dump).not.toContain(made.access_key);
    expect(dump).not.toContain(password);
    const unsalted = sha256Of(password);
    expect(dump).not.toContain(unsalted);
    expect(JSON.stringify(api.lines)).not.toContain(made.access_key);
  }, 60_000);

  test("a link needs exactly one existing target, and an expiry in the future", async () => {
    const photo_id = await uploadPicture();
    const album_id = await insertAlbum(db, [photo_id]);
    const future = new Date(Date.now() + 60_000).toISOString();
    const statuses = await Promise.all(
      [
        {},
        { photo_id, album_id },
        { photo_id, expires_at: "2020-01-01T00:00:00.000Z" },
        { photo_id, password: "short" },
        { photo_id, max_views: 0 },
        { photo_id: crypto.randomUUID() },
        { album_id: crypto.randomUUID() },
        { photo_id, expires_at: future },
      ].map(async (body) => (await api.postJson("/api/v1/share/create", body)).status),
    );
    expect(statuses).toEqual([400, 400, 400, 400, 400, 404, 404, 201]);
  });

  test("a change affects only the fields that it names, and a revoked link stays in the list", async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const { id, key } = await share({ photo_id: await uploadPicture(), expires_at });
    const patch = async (change: object): Promise<[number, Body]> => {
      const answer = await api.request(`/api/v1/share/links/${id}`, {
        method: "PATCH",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(change),
      });
      return [answer.status, await answer.json()];
    };
    const [status, changed] = await patch({ title: "For you", allow_download: true, password });
    expect([status, changed.expires_at, changed.title, changed.has_password]).toEqual([
      200,
      expires_at,
      "For you",
      true,
    ]);
    expect((await get(`/api/v1/share/${key}`)).status).toBe(401);
    expect((await patch({ password: null }))[1].has_password).toBe(false);
    expect((await get(`/api/v1/share/${key}`)).status).toBe(200);
    const revoke = () => api.request(`/api/v1/share/links/${id}`, { method: "DELETE" });
    expect((await revoke()).status).toBe(204);
    expect((await revoke()).status).toBe(204);
    expect((await patch({ title: "x" }))[0]).toBe(409);
    const list = (await (await get("/api/v1/share/links")).json()) as Body;
    expect(list.items.find((link: Body) => link.id === id).revoked_at).toBeString();
  }, 60_000);
});

describe("the gate", () => {
  type Target = Visitor & { id?: string; photoId: string };
  type Manner = Parameters<typeof callAs>[2] & { method?: "HEAD" };

  function call(route: string, target: Target, manner: Manner = {}): Promise<Response> {
    const { path, init } = callAs(route, { password, ...target }, manner);
    return api.request(path, manner.method ? { ...init, method: manner.method } : init);
  }

  /** Variants of a request that must not bypass the gate. */
  const manners: [string, Manner][] = [
    ["by cookie", { by: "cookie" }],
    ["for a range", { headers: { range: "bytes=0-0" } }],
    ["with everything known", { headers: { "if-none-match": "*" } }],
    ["as a page", { headers: { accept: "text/html" } }],
    ["as an image", { headers: { accept: "image/*" } }],
    ["page by page", { query: "?page=2&limit=1&offset=1" }],
    ["for its headers alone", { method: "HEAD" }],
  ];

  const routes = [...shareRoutes];
  const images = routes.filter((route) => route.includes(":photo_id"));
  const behindPassword = routes.filter((route) => !/\/(unlock|style|script)$/.test(route));
  const counted = routes.filter((route) => route !== "GET /s/:key");

  /** Status, headers and body, without what differs from one request to the next by design. */
  async function refusalOf(route: string, target: Target, manner: Manner = {}) {
    const response = await call(route, target, manner);
    const headers = Object.fromEntries(
      [...response.headers].filter(([name]) => name !== "x-request-id"),
    );
    const body = (await response.text()).replace(/"request_id":"[^"]*"/, "");
    return { status: response.status, headers, body };
  }

  async function shareAlbum(options: object = {}) {
    const [photoId, other] = [await uploadPicture(), await uploadPicture()];
    const albumId = await insertAlbum(db, [photoId, other]);
    const link = await share({ album_id: albumId, allow_download: true, ...options });
    return { ...link, photoId, albumId };
  }

  async function sharePhoto(options: object = {}) {
    const photoId = await uploadPicture();
    return { ...(await share({ photo_id: photoId, allow_download: true, ...options })), photoId };
  }

  /** A link that a visitor has opened, with its password and one of its visits. */
  async function openedAlbum() {
    const target = await shareAlbum({ password, max_views: 5 });
    const unlocked = await unlock(target.key);
    const first = await get(`/api/v1/share/${target.key}`, { "x-share-token": unlocked });
    return { ...target, token: ((await first.json()) as Body).token as string };
  }

  test("guards every public route, and lets an authorized visitor through all of them", async () => {
    expect(openRoutesOf(api.deps).toSorted()).toEqual([...routes, ...linklessRoutes].toSorted());
    const target = await openedAlbum();
    const statuses = new Map<string, number>();
    for (const route of routes) {
      statuses.set(route, (await call(route, target)).status);
    }
    const expected = routes.map((route): [string, number] => [
      route,
      route === "POST /s/:key/unlock" ? 303 : 200,
    ]);
    expect([...statuses]).toEqual(expected);
  }, 60_000);

  /** The ways in which a link with a password becomes invalid, for a visitor without a token. */
  const endsOfLocked: [string, () => Promise<Target>][] = [
    [
      "revoked",
      async () => {
        const target = await shareAlbum({ password });
        await api.request(`/api/v1/share/links/${target.id}`, { method: "DELETE" });
        return target;
      },
    ],
    [
      "expired",
      async () => {
        const target = await shareAlbum({ password });
        await setLink(target.id, { expiresAt: new Date(Date.now() - 1) });
        return target;
      },
    ],
    [
      "used up",
      async () => {
        const target = await shareAlbum({ password, max_views: 2 });
        await setLink(target.id, { viewCount: 2 });
        return target;
      },
    ],
    [
      "of an album that was deleted",
      async () => {
        const target = await shareAlbum({ password });
        await db.delete(albums).where(eq(albums.id, target.albumId));
        return target;
      },
    ],
    [
      "of a photo in the trash",
      async () => {
        const target = await sharePhoto({ password });
        await db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, target.photoId));
        return target;
      },
    ],
    [
      "of a photo in the trash, with visits left",
      async () => {
        const target = await sharePhoto({ password, max_views: 3 });
        await db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, target.photoId));
        return target;
      },
    ],
    [
      "of a photo that was deleted",
      async () => {
        const target = await sharePhoto({ password });
        await db.delete(photos).where(eq(photos.id, target.photoId));
        return target;
      },
    ],
  ];

  const gone: [string, string[], () => Promise<Target>][] = [
    [
      "revoked",
      routes,
      async () => {
        const target = await openedAlbum();
        await api.request(`/api/v1/share/links/${target.id}`, { method: "DELETE" });
        return target;
      },
    ],
    [
      "expired",
      routes,
      async () => {
        const target = await openedAlbum();
        await setLink(target.id, { expiresAt: new Date(Date.now() - 1) });
        return target;
      },
    ],
    [
      "used up",
      routes,
      async () => {
        const target = await shareAlbum({ max_views: 1 });
        await setLink(target.id, { viewCount: 1 });
        return target;
      },
    ],
    [
      "counted and not opened",
      counted.filter((route) => /photo/.test(route)),
      () => shareAlbum({ max_views: 3 }),
    ],
    [
      "of an album that was deleted",
      routes,
      async () => {
        const target = await openedAlbum();
        await db.delete(albums).where(eq(albums.id, target.albumId));
        return target;
      },
    ],
    [
      "of a photo in the trash",
      routes,
      async () => {
        const target = await sharePhoto();
        await db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, target.photoId));
        return target;
      },
    ],
    [
      "without this photo any more",
      images,
      async () => {
        const target = await shareAlbum();
        await db.delete(albumPhotos).where(eq(albumPhotos.photoId, target.photoId));
        return target;
      },
    ],
    [
      "whose photo was trashed",
      images,
      async () => {
        const target = await shareAlbum();
        await db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, target.photoId));
        return target;
      },
    ],
    [
      "of another photo",
      images,
      async () => ({
        ...(await shareAlbum()),
        photoId: await uploadPicture(),
      }),
    ],
    [
      "asked for a photo by a malformed id",
      images,
      async () => ({
        ...(await shareAlbum()),
        photoId: "x..y",
      }),
    ],
    [
      "without allow_download",
      images.filter((route) => route.endsWith("/original")),
      () => shareAlbum({ allow_download: false }),
    ],
    [
      "with a key of another length",
      routes,
      async () => ({
        ...(await shareAlbum()),
        key: "short",
      }),
    ],
    ...endsOfLocked.map(([reason, make]): (typeof gone)[number] => [
      `with a password that is ${reason}`.replace("that is of", "of"),
      routes,
      make,
    ]),
    [
      "used up, with its password given",
      routes,
      async () => {
        const target = await shareAlbum({ password, max_views: 2 });
        const token = await unlock(target.key);
        await setLink(target.id, { viewCount: 2 });
        return { ...target, token };
      },
    ],
  ];

  test.each(gone)(
    "answers a link %s like one that never existed, on every route",
    async (_reason, affected, make) => {
      const target = await make();
      const photoId = target.photoId.includes("/")
        ? encodeURIComponent(target.photoId)
        : target.photoId;
      const unknown = { key: "A".repeat(43), photoId: crypto.randomUUID() };
      for (const route of affected) {
        const ways = route.startsWith("GET") ? manners : [];
        for (const [manner, way] of [["plainly", {}] as [string, Manner], ...ways]) {
          const refusal = await refusalOf(route, { ...target, photoId }, way);
          expect([route, manner, refusal.status]).toEqual([route, manner, 404]);
          expect(refusal).toEqual(await refusalOf(route, unknown, way));
        }
      }
    },
    60_000,
  );

  test("sends the database as many statements for an invalid link as for one that never existed", async () => {
    const database = openCountedDatabase(api.deps.config.secrets.databaseUrl);
    // A new app each time: the statements that a process sends only once count for both.
    const startApp = () => createApp({ ...api.deps, database });
    const unknown = { key: "A".repeat(43), photoId: crypto.randomUUID() };
    for (const [reason, affected, make] of gone) {
      const made = await make();
      if (made.key.length !== unknown.key.length) continue;
      const target = { ...made, photoId: encodeURIComponent(made.photoId) };
      const [app, other] = [startApp(), startApp()];
      for (const route of affected) {
        const asked = async (asks: typeof app, visitor: Visitor) => {
          const { path, init } = callAs(route, { password, ...visitor });
          const before = database.statements();
          const { status } = await asks.handle(new Request(`http://localhost${path}`, init));
          return { reason, route, status, statements: database.statements() - before };
        };
        expect(await asked(app, target)).toEqual(await asked(other, unknown));
      }
    }
    await database.close();
  }, 60_000);

  test("lets no visitor in without the current password of this link", async () => {
    const target = await shareAlbum({ password });
    const other = await shareAlbum({ password });
    const old = await unlock(target.key);
    await api.request(`/api/v1/share/links/${target.id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ password: "battery staple" }),
    });
    const now = await unlock(target.key, "battery staple");
    const [expiry, , mac] = now.split(".");
    const tokens = {
      none: undefined,
      nonsense: "x.y.z",
      "of another link": await unlock(other.key),
      "of the old password": old,
      "with more rights": `${expiry}.uv.${mac}`,
      "with a later end": `${Number(expiry) + 1}.u.${mac}`,
    };
    for (const [name, token] of Object.entries(tokens)) {
      for (const route of behindPassword) {
        for (const [manner, way] of [["plainly", {}] as [string, Manner], ...manners]) {
          const refusal = await refusalOf(route, { ...target, token }, way);
          expect([name, route, manner, refusal.status]).toEqual([name, route, manner, 401]);
          expect(refusal.body).not.toContain("Summer");
          expect(refusal.body).not.toContain(target.photoId);
        }
      }
    }
    expect((await call("GET /api/v1/share/:key", { ...target, token: now })).status).toBe(200);
  }, 60_000);

  test("reveals nothing before the password is given, also on the page", async () => {
    const { key } = await shareAlbum({ password, title: "Secret title" });
    const page = await get(`/s/${key}/`);
    const text = await page.text();
    expect(page.status).toBe(401);
    expect(text).toContain('type="password"');
    expect(text).not.toContain("Secret title");
    const wrong = await postForm(`/s/${key}/unlock`, { password: "wrong wrong" });
    expect([wrong.status, await wrong.text()]).toEqual([
      401,
      expect.stringContaining("not the password"),
    ]);
    const right = await postForm(`/s/${key}/unlock`, { password });
    expect([right.status, right.headers.get("location")]).toEqual([303, `/s/${key}/`]);
    const cookie = right.headers.get("set-cookie")!;
    expect(cookie).toContain(`Path=/s/${key};`);
    expect(cookie).toContain("HttpOnly; SameSite=Lax");
    const opened = await get(`/s/${key}/`, { cookie: cookie.split(";")[0]! });
    expect([opened.status, await opened.text()]).toEqual([
      200,
      expect.stringContaining("Secret title"),
    ]);
  }, 60_000);

  test("answers too many attempts with 429 before the password is checked", async () => {
    const { key } = await shareAlbum({ password });
    const tries: number[] = [];
    for (let attempt = 0; attempt < 21; attempt += 1) {
      const answer = await api.postJson(`/api/v1/share/${key}/unlock`, { password: "wrong wrong" });
      tries.push(answer.status);
      if (answer.status === 429)
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(tries).toEqual([...Array.from({ length: 20 }, () => 401), 429]);
    const right = await api.postJson(`/api/v1/share/${key}/unlock`, { password });
    expect(right.status).toBe(429);
  }, 60_000);

  test("of two simultaneous visitors only one gets the last visit, and can still load its images", async () => {
    const target = await shareAlbum({ max_views: 1 });
    const answers = await Promise.all([1, 2, 3].map(() => get(`/api/v1/share/${target.key}`)));
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([
      200, 404, 404,
    ]);
    const { token } = (await answers.find((answer) => answer.status === 200)!.json()) as Body;
    const thumbnail = "GET /api/v1/share/:key/photos/:photo_id/thumbnail";
    expect((await call(thumbnail, { ...target, token })).status).toBe(200);
    expect((await call(thumbnail, target)).status).toBe(404);
    const [link] = await db.select().from(shareLinks).where(eq(shareLinks.id, target.id));
    expect(link!.viewCount).toBe(1);
  });

  test("a counted link is opened by its button, not by loading its page", async () => {
    const target = await shareAlbum({ max_views: 1 });
    for (let loads = 0; loads < 3; loads += 1) {
      const page = await get(`/s/${target.key}/`);
      expect([page.status, await page.text()]).toEqual([
        200,
        expect.stringContaining("<button>Open"),
      ]);
    }
    const head = await api.request(`/api/v1/share/${target.key}`, { method: "HEAD" });
    expect(head.status).toBe(200);
    // As browsers send the form of a page with `Referrer-Policy: no-referrer`.
    const opened = await postForm(`/s/${target.key}/unlock`, {}, { origin: "null" });
    expect(opened.status).toBe(303);
    const cookie = opened.headers.get("set-cookie")!.split(";")[0]!;
    const page = await get(`/s/${target.key}/`, { cookie });
    expect(await page.text()).toContain(`/s/${target.key}/photos/${target.photoId}/thumbnail`);
    expect((await get(`/s/${target.key}/`)).status).toBe(404);
  });
});

describe("public answers", () => {
  /** The bytes and, for a PNG, the content of its compressed chunks. */
  async function bytesOf(response: Response): Promise<string> {
    const body = Buffer.from(await response.arrayBuffer());
    const headers = JSON.stringify([...response.headers]);
    return `${headers}\n${body.toString("latin1")}\n${inflatedChunks(body)}`;
  }

  function inflatedChunks(body: Buffer): string {
    if (body.toString("latin1", 1, 4) !== "PNG") return "";
    const found: string[] = [];
    for (let at = 8; at < body.length; at += 12 + body.readUInt32BE(at)) {
      const type = body.toString("latin1", at + 4, at + 8);
      if (type === "IEND") break;
      if (type !== "zTXt" && type !== "iTXt") continue;
      const data = body.subarray(at + 8, at + 8 + body.readUInt32BE(at));
      found.push(data.toString("latin1"));
      const start = data.indexOf("x", 0, "latin1");
      if (start >= 0) found.push(inflateSync(data.subarray(start)).toString("latin1"));
    }
    return found.join("\n");
  }

  test("without show_metadata no public answer contains prompt, name, tags, EXIF or hash of a picture", async () => {
    const photoId = await uploadPicture();
    const albumId = await insertAlbum(db, [photoId], "Album");
    const [row] = await db.select().from(photos).where(eq(photos.id, photoId));
    const stored = await get(`/api/v1/photos/${photoId}`);
    expect(await bytesOf(stored)).toContain(canary);

    for (const target of [{ photo_id: photoId }, { album_id: albumId }]) {
      const { key } = await share({ ...target, allow_download: true });
      const paths = [
        `/api/v1/share/${key}`,
        `/api/v1/share/${key}/photos`,
        `/s/${key}/`,
        `/s/${key}/p/${photoId}`,
        `/s/${key}/style`,
        `/s/${key}/script`,
        ...["/s", "/api/v1/share"].flatMap((base) =>
          ["thumbnail", "preview", "original"].map(
            (size) => `${base}/${key}/photos/${photoId}/${size}`,
          ),
        ),
      ];
      for (const path of paths) {
        const answer = await get(path);
        expect([path.slice(-10), answer.status]).toEqual([path.slice(-10), 200]);
        const bytes = await bytesOf(answer);
        expect(bytes).not.toContain(canary);
        expect(bytes).not.toContain(row!.contentHash!);
        expect(bytes).not.toContain(albumId);
      }
      for (const accept of ["text/html", "image/*"]) {
        const answer = await get(`/api/v1/share/${key}`, { accept });
        expect(answer.headers.get("vary")).toBe("Accept");
        expect(await bytesOf(answer)).not.toContain(canary);
      }
    }
  });

  test("with show_metadata they contain the stored bytes and the documented fields, and no other fields of the owner", async () => {
    const photoId = await uploadPicture();
    const { key } = await share({ photo_id: photoId, allow_download: true, show_metadata: true });
    const shown = (await (await get(`/api/v1/share/${key}`)).json()) as Body;
    expect(shown.photo).toMatchObject({ title: canary, generation_metadata: { prompt: canary } });
    expect(Object.keys(shown.photo)).not.toContain("content_hash");
    expect(JSON.stringify(shown)).not.toContain("model_key");
    const original = await get(`/api/v1/share/${key}/photos/${photoId}/original`);
    expect(original.headers.get("content-disposition")).toContain(canary);
    const own = await get(`/api/v1/photos/${photoId}`);
    expect(await original.arrayBuffer()).toEqual(await own.arrayBuffer());
  });

  test("markup in a title or an album's name is plain text on the page, also in attributes", async () => {
    const name = `"><script>alert(1)</script>`;
    const photoId = await uploadPicture();
    await db.update(photos).set({ title: name }).where(eq(photos.id, photoId));
    const albumId = await insertAlbum(db, [photoId], name);
    await db.update(albums).set({ description: name }).where(eq(albums.id, albumId));
    const { key } = await share({ album_id: albumId, show_metadata: true, title: name });
    const page = await (await get(`/s/${key}/`)).text();
    expect(page).not.toContain("<script>");
    expect(page).toContain("&quot;>&lt;script>");
  });

  test("every public answer has the headers that keep a link private", async () => {
    const photoId = await uploadPicture();
    const { key } = await share({ photo_id: photoId });
    const policies = new Map<string, string | null>();
    for (const path of [
      `/api/v1/share/${key}`,
      `/s/${key}/`,
      `/s/${key}/photos/${photoId}/preview`,
      `/s/${"A".repeat(43)}/`,
    ]) {
      const { headers } = await get(path);
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-robots-tag")).toBe("noindex");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toStartWith("default-src 'none'");
      policies.set(path, headers.get("cache-control"));
    }
    expect([...policies.values()]).toEqual([
      "private, no-store",
      "private, no-store",
      "private, max-age=60",
      "private, no-store",
    ]);
  });

  test("a revoked link answers 404 also to a browser that has cached the image", async () => {
    const photoId = await uploadPicture();
    const { id, key } = await share({ photo_id: photoId });
    const path = `/s/${key}/photos/${photoId}/preview`;
    const first = await get(path);
    const etag = first.headers.get("etag")!;
    expect((await get(path, { "if-none-match": etag })).status).toBe(304);
    await api.request(`/api/v1/share/links/${id}`, { method: "DELETE" });
    expect((await get(path, { "if-none-match": etag })).status).toBe(404);
  });

  test("an album lists its current photos, in album order, page by page", async () => {
    const ids = [await uploadPicture(), await uploadPicture(), await uploadPicture()];
    const { key } = await share({ album_id: await insertAlbum(db, ids) });
    const whole = (await (await get(`/api/v1/share/${key}?limit=2`)).json()) as Body;
    expect([whole.album.name, whole.album.photo_count]).toEqual(["Summer", 3]);
    const { photos: page } = whole.album;
    const rest = (await (
      await get(`/api/v1/share/${key}/photos?cursor=${page.next_cursor}`)
    ).json()) as Body;
    expect([...page.items, ...rest.items].map((photo: Body) => photo.id)).toEqual(ids);
    const html = await (await get(`/s/${key}/`)).text();
    expect(
      ids
        .map((id) => html.indexOf(`${id}/thumbnail`))
        .every((at, i, all) => at > (all[i - 1] ?? 0)),
    ).toBe(true);
  });
});
