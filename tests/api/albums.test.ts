import { afterAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { albumPhotos, albums } from "#db/schema/albums";
import { photos } from "#db/schema/photos";
import { type Body, createTestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";
import { formOf, pngOfShade, upload } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const call = (method: string, path: string, body?: unknown) =>
  api.call(method, `/albums${path}`, body);

async function makeAlbum(photoCount = 0) {
  const [status, album] = await call("POST", "", { name: "Summer" });
  expect(status).toBe(201);
  const photoIds: string[] = [];
  for (let made = 0; made < photoCount; made += 1) photoIds.push((await insertPhoto(db)).id);
  if (photoCount > 0) {
    expect((await call("POST", `/${album.id}/photos`, { photo_ids: photoIds }))[0]).toBe(204);
  }
  return { id: album.id as string, photoIds };
}

async function orderOf(albumId: string, query = ""): Promise<string[]> {
  const [status, list] = await call("GET", `/${albumId}/photos${query}`);
  expect(status).toBe(200);
  return list.items.map((photo: Body) => photo.id);
}

async function ranksById(albumId: string): Promise<Map<string, number>> {
  const rows = await db.select().from(albumPhotos).where(eq(albumPhotos.albumId, albumId));
  return new Map(rows.map((row) => [row.photoId, row.rank]));
}

const ranksOf = async (albumId: string) => [...(await ranksById(albumId)).values()];

test("an album is created, read, changed and deleted, and its photos stay", async () => {
  const [status, album] = await call("POST", "", {
    name: "  Cafe\u0301 ",
    description: "by the sea",
  });
  expect([status, album.name, album.description, album.photo_count]).toEqual([
    201,
    "Café",
    "by the sea",
    0,
  ]);
  const photo = await insertPhoto(db);
  await call("POST", `/${album.id}/photos/batch`, { photo_ids: [photo.id] });
  const [, changed] = await call("PATCH", `/${album.id}`, { name: "Bar", description: null });
  expect([changed.name, changed.description]).toEqual(["Bar", undefined]);
  expect(changed.updated_at > album.updated_at).toBe(true);
  const [, list] = await call("GET", "?limit=1");
  expect(list.items[0].id).toBe(album.id);
  expect(await call("DELETE", `/${album.id}`)).toEqual([204, undefined]);
  expect((await call("GET", `/${album.id}`))[0]).toBe(404);
  expect(
    (await api.request(`/api/v1/photos/${photo.id}`, { headers: { accept: "application/json" } }))
      .status,
  ).toBe(200);
});

test("a blank name, a too long name and an unknown cover are refused", async () => {
  const answers = [
    await call("POST", "", { name: "   " }),
    await call("POST", "", { name: "x".repeat(201) }),
    await call("POST", "", { name: "A", cover_photo_id: crypto.randomUUID() }),
    await call("POST", "", { name: "A", colour: "red" }),
  ];
  expect(answers.map(([status]) => status)).toEqual([400, 400, 404, 400]);
});

test("photos that are added twice are in the album once, in the order of the first addition", async () => {
  const { id, photoIds } = await makeAlbum(3);
  const [a, b, c] = photoIds;
  expect((await call("POST", `/${id}/photos`, { photo_ids: [c, a, c] }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a!, b!, c!]);
});

test("if one of the photos is unknown, none is added", async () => {
  const { id } = await makeAlbum();
  const known = await insertPhoto(db);
  const trashed = await insertPhoto(db, { deletedAt: new Date() });
  for (const other of [crypto.randomUUID(), trashed.id]) {
    const [status, answer] = await call("POST", `/${id}/photos`, { photo_ids: [known.id, other] });
    expect([status, answer.error.details]).toEqual([404, { path: "photo_ids", missing: [other] }]);
  }
  expect(await orderOf(id)).toEqual([]);
});

test("the cover is the chosen one, else the first photo that is not in the trash", async () => {
  const { id, photoIds } = await makeAlbum(2);
  const cover = async () => (await call("GET", `/${id}`))[1].cover_photo_id;
  expect(await cover()).toBe(photoIds[0]);
  await call("PATCH", `/${id}`, { cover_photo_id: photoIds[1] });
  expect(await cover()).toBe(photoIds[1]);
  await db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, photoIds[1]!));
  const [, album] = await call("GET", `/${id}`);
  expect([album.cover_photo_id, album.photo_count]).toEqual([photoIds[0], 1]);
  expect(album.cover_thumbnail_url).toContain(`${photoIds[0]}/thumbnail?v=`);
});

test("photos are moved by writing one row, and removed without being deleted", async () => {
  const { id, photoIds } = await makeAlbum(4);
  const [a, b, c, d] = photoIds as [string, string, string, string];
  const move = async (photo: string, after_photo_id: string | null) =>
    (await call("PATCH", `/${id}/photos/${photo}`, { after_photo_id }))[0];
  const before = await ranksById(id);
  expect(await move(d, a)).toBe(204);
  const after = await ranksById(id);
  expect([...after].filter(([photo, rank]) => before.get(photo) !== rank)).toHaveLength(1);
  expect(await orderOf(id)).toEqual([a, d, b, c]);
  expect(await move(c, null)).toBe(204);
  expect(await move(a, b)).toBe(204);
  expect(await orderOf(id)).toEqual([c, d, b, a]);
  expect(await move(a, crypto.randomUUID())).toBe(404);
  expect((await call("DELETE", `/${id}/photos`, { photo_ids: [d, crypto.randomUUID()] }))[0]).toBe(
    204,
  );
  expect(await orderOf(id)).toEqual([c, b, a]);
});

test("if there is no free rank between two photos, the ranks are spread and the order is kept", async () => {
  const { id, photoIds } = await makeAlbum(4);
  const [a, b, c, d] = photoIds as [string, string, string, string];
  for (const [at, photo] of [a, b, c, d].entries()) {
    await db
      .update(albumPhotos)
      .set({ rank: at + 1 })
      .where(eq(albumPhotos.photoId, photo));
  }
  expect((await call("PATCH", `/${id}/photos/${d}`, { after_photo_id: a }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a, d, b, c]);
  await db.update(albumPhotos).set({ rank: 1 }).where(eq(albumPhotos.photoId, a));
  await db.update(albumPhotos).set({ rank: 2 }).where(eq(albumPhotos.photoId, d));
  expect((await call("PATCH", `/${id}/photos/${c}`, { after_photo_id: a }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a, c, d, b]);
});

test("paging by cursor follows the album's order", async () => {
  const { id, photoIds } = await makeAlbum(5);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const [, page]: [number, Body] = await call(
      "GET",
      `/${id}/photos?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`,
    );
    seen.push(...page.items.map((photo: Body) => photo.id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen).toEqual(photoIds);
});

test("a photo that is deleted while it is added is in no album, and no request gets a 500", async () => {
  const { id } = await makeAlbum();
  const rows = await Promise.all(Array.from({ length: 8 }, () => insertPhoto(db)));
  await call("PATCH", `/${id}`, { cover_photo_id: rows[0]!.id });
  const answers = await Promise.all(
    rows.flatMap((photo) => [
      call("POST", `/${id}/photos`, { photo_ids: [photo.id] }),
      api.request(`/api/v1/photos/${photo.id}?permanent=true`, { method: "DELETE" }),
    ]),
  );
  const statuses = answers.map((answer) => (Array.isArray(answer) ? answer[0] : answer.status));
  expect(statuses.filter((status) => status !== 204 && status !== 404)).toEqual([]);
  expect(await orderOf(id)).toEqual([]);
  expect((await call("GET", `/${id}`))[1]).toMatchObject({ photo_count: 0 });
});

test("after twenty concurrent additions every photo is in the album once, and no two have the same rank", async () => {
  const { id } = await makeAlbum();
  const made = await Promise.all(Array.from({ length: 20 }, () => insertPhoto(db)));
  const ids = made.map((photo) => photo.id);
  // Each photo is added twice, each time together with a different one.
  const pairs = ids.map((photo, at) => [photo, ids[(at + 1) % ids.length]]);
  const answers = await Promise.all(
    pairs.map((photo_ids) => call("POST", `/${id}/photos`, { photo_ids })),
  );
  expect(new Set(answers.map(([status]) => status))).toEqual(new Set([204]));
  expect((await orderOf(id)).toSorted()).toEqual(ids.toSorted());
  expect(new Set(await ranksOf(id)).size).toBe(20);
});

test("concurrent uploads into an album each get their own rank", async () => {
  const { id } = await makeAlbum();
  const answers = await Promise.all(
    Array.from({ length: 6 }, async (_, shade) =>
      upload(api, formOf([{ bytes: await pngOfShade(900 + shade) }], { album_id: id })),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(201));
  expect(new Set(await ranksOf(id)).size).toBe(6);
});

test("after thirty concurrent moves the album has the same photos, each with its own rank", async () => {
  const { id, photoIds } = await makeAlbum(6);
  const moves = Array.from({ length: 30 }, (_, at) => ({
    photo: photoIds[at % 6]!,
    after: at % 7 === 0 ? null : photoIds[(at * 5 + 1) % 6]!,
  }));
  const answers = await Promise.all(
    moves.map(({ photo, after }) =>
      call("PATCH", `/${id}/photos/${photo}`, { after_photo_id: after }),
    ),
  );
  expect(new Set(answers.map(([status]) => status))).toEqual(new Set([204]));
  expect((await orderOf(id)).toSorted()).toEqual(photoIds.toSorted());
  expect(new Set(await ranksOf(id)).size).toBe(6);
});

test("a photo is moved directly behind the given one, also where two have the same rank", async () => {
  const { id, photoIds } = await makeAlbum(4);
  const [a, b, c, d] = photoIds.toSorted() as [string, string, string, string];
  await db.update(albumPhotos).set({ rank: 7 }).where(eq(albumPhotos.albumId, id));
  expect(await orderOf(id)).toEqual([a, b, c, d]);
  expect((await call("PATCH", `/${id}/photos/${d}`, { after_photo_id: a }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a, d, b, c]);
});

test("a hundred moves into the same gap keep the order, and almost all write one row", async () => {
  const { id, photoIds } = await makeAlbum(3);
  const [a, ...rest] = photoIds as [string, string, string];
  let spreads = 0;
  for (let at = 0; at < 100; at += 1) {
    const before = await ranksById(id);
    const moved = rest[1 - (at % 2)]!;
    expect((await call("PATCH", `/${id}/photos/${moved}`, { after_photo_id: a }))[0]).toBe(204);
    expect((await orderOf(id)).slice(0, 2)).toEqual([a, moved]);
    const after = await ranksById(id);
    const written = photoIds.filter((photo) => before.get(photo) !== after.get(photo));
    if (written.length > 1) spreads += 1;
  }
  expect(spreads).toBeGreaterThan(0);
  expect(spreads).toBeLessThan(10);
});

test("the photo count follows a photo into the trash, out of it and when it is deleted for good", async () => {
  const { id, photoIds } = await makeAlbum(3);
  const count = async () => (await call("GET", `/${id}`))[1].photo_count;
  const total = async () => (await call("GET", `/${id}/photos`))[1].total;
  const photo = `/api/v1/photos/${photoIds[0]}`;
  await api.request(photo, { method: "DELETE" });
  expect([await count(), await total()]).toEqual([2, 2]);
  await api.request(`${photo}/restore`, { method: "POST" });
  expect([await count(), await total()]).toEqual([3, 3]);
  // At its previous rank.
  expect(await orderOf(id)).toEqual(photoIds);
  await api.request(`${photo}?permanent=true`, { method: "DELETE" });
  expect([await count(), await total()]).toEqual([2, 2]);
});

test("albums are paged by cursor, each once, also those created at the same time", async () => {
  const createdAt = new Date("2001-01-01T00:00:00.000Z");
  const ids = Array.from({ length: 5 }, () => crypto.randomUUID()).toSorted();
  await db.insert(albums).values(ids.map((id) => ({ id, name: "Old", createdAt })));
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const [, page]: [number, Body] = await call(
      "GET",
      `?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`,
    );
    seen.push(...page.items.map((album: Body) => album.id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(seen.slice(-5)).toEqual(ids.toReversed());
  expect(new Set(seen).size).toBe(seen.length);
});

test("unknown albums and photos answer 404, and nothing changes", async () => {
  const { id, photoIds } = await makeAlbum(1);
  const nobody = crypto.randomUUID();
  const answers = await Promise.all([
    call("GET", `/${nobody}`),
    call("GET", "/no-id"),
    call("GET", `/${nobody}/photos`),
    call("PATCH", `/${nobody}`, { name: "A" }),
    call("PATCH", `/${id}`, { cover_photo_id: nobody }),
    call("DELETE", `/${nobody}`),
    call("POST", `/${nobody}/photos`, { photo_ids: photoIds }),
    call("DELETE", `/${nobody}/photos`, { photo_ids: photoIds }),
    call("PATCH", `/${id}/photos/${nobody}`, { after_photo_id: null }),
    call("PATCH", `/${nobody}/photos/${photoIds[0]}`, { after_photo_id: null }),
  ]);
  expect(answers.map(([status]) => status)).toEqual(Array(10).fill(404));
  expect(await orderOf(id)).toEqual(photoIds);
});
