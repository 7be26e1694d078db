import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { albumPhotos } from "#db/schema/albums";
import { photos } from "#db/schema/photos";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
}, 60_000);

afterAll(() => api.close());

const db = () => api.deps.database.db;

// oxlint-disable-next-line typescript/no-explicit-any -- the tests look at bodies as a client does
type Body = any;

async function call(method: string, path: string, body?: unknown): Promise<[number, Body]> {
  const response = await api.request(`/api/v1/albums${path}`, {
    method,
    ...(body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const text = await response.text();
  return [response.status, text === "" ? undefined : JSON.parse(text)];
}

async function makeAlbum(photoCount = 0) {
  const [status, album] = await call("POST", "", { name: "Summer" });
  expect(status).toBe(201);
  const photoIds: string[] = [];
  for (let made = 0; made < photoCount; made += 1) photoIds.push((await insertPhoto(db())).id);
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

test("an album is made, shown, changed and deleted, and its photos stay", async () => {
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
  const photo = await insertPhoto(db());
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

test("a name of blanks, a name too long and an unknown cover are refused", async () => {
  const answers = [
    await call("POST", "", { name: "   " }),
    await call("POST", "", { name: "x".repeat(201) }),
    await call("POST", "", { name: "A", cover_photo_id: crypto.randomUUID() }),
    await call("POST", "", { name: "A", colour: "red" }),
  ];
  expect(answers.map(([status]) => status)).toEqual([400, 400, 404, 400]);
});

test("the same photos added twice are in the album once, in the order of the first time", async () => {
  const { id, photoIds } = await makeAlbum(3);
  const [a, b, c] = photoIds;
  expect((await call("POST", `/${id}/photos`, { photo_ids: [c, a, c] }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a!, b!, c!]);
});

test("one unknown photo among known ones: nothing is added", async () => {
  const { id } = await makeAlbum();
  const known = await insertPhoto(db());
  const trashed = await insertPhoto(db(), { deletedAt: new Date() });
  for (const other of [crypto.randomUUID(), trashed.id]) {
    const [status, answer] = await call("POST", `/${id}/photos`, { photo_ids: [known.id, other] });
    expect([status, answer.error.details]).toEqual([404, { path: "photo_ids", missing: [other] }]);
  }
  expect(await orderOf(id)).toEqual([]);
});

test("the cover is the one chosen, else the first photo that is not in the trash", async () => {
  const { id, photoIds } = await makeAlbum(2);
  const cover = async () => (await call("GET", `/${id}`))[1].cover_photo_id;
  expect(await cover()).toBe(photoIds[0]);
  await call("PATCH", `/${id}`, { cover_photo_id: photoIds[1] });
  expect(await cover()).toBe(photoIds[1]);
  await db().update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, photoIds[1]!));
  const [, album] = await call("GET", `/${id}`);
  expect([album.cover_photo_id, album.photo_count]).toEqual([photoIds[0], 1]);
  expect(album.cover_thumbnail_url).toContain(`${photoIds[0]}/thumbnail?v=`);
});

test("photos are moved by writing one row, and removed without being deleted", async () => {
  const { id, photoIds } = await makeAlbum(4);
  const [a, b, c, d] = photoIds as [string, string, string, string];
  const ranks = async () => {
    const rows = await db().select().from(albumPhotos).where(eq(albumPhotos.albumId, id));
    return new Map(rows.map((row) => [row.photoId, row.rank]));
  };
  const move = async (photo: string, after_photo_id: string | null) =>
    (await call("PATCH", `/${id}/photos/${photo}`, { after_photo_id }))[0];
  const before = await ranks();
  expect(await move(d, a)).toBe(204);
  const after = await ranks();
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

test("an order without room between two photos is spread and kept", async () => {
  const { id, photoIds } = await makeAlbum(4);
  const [a, b, c, d] = photoIds as [string, string, string, string];
  for (const [at, photo] of [a, b, c, d].entries()) {
    await db()
      .update(albumPhotos)
      .set({ rank: at + 1 })
      .where(eq(albumPhotos.photoId, photo));
  }
  expect((await call("PATCH", `/${id}/photos/${d}`, { after_photo_id: a }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a, d, b, c]);
  await db().update(albumPhotos).set({ rank: 1 }).where(eq(albumPhotos.photoId, a));
  await db().update(albumPhotos).set({ rank: 2 }).where(eq(albumPhotos.photoId, d));
  expect((await call("PATCH", `/${id}/photos/${c}`, { after_photo_id: a }))[0]).toBe(204);
  expect(await orderOf(id)).toEqual([a, c, d, b]);
});

test("pages by cursor walk an album in its order", async () => {
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
