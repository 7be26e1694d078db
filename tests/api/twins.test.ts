import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { albumPhotos } from "#db/schema/albums";
import { photos } from "#db/schema/photos";
import { originalKey } from "#media/storage/keys";
import { sha256Of } from "#sha256";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertAlbum, insertPhoto } from "#tests/support/rows";
import { formOf, pngOfShade, upload } from "#tests/support/uploads";

let api: TestApi;
let shade = 5_000;
const fresh = () => pngOfShade((shade += 1));
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

const count = () => api.deps.database.db.$count(photos);
const albumOf = async (id: string) => {
  const rows = await api.deps.database.db
    .select()
    .from(albumPhotos)
    .where(eq(albumPhotos.albumId, id));
  return rows.map(({ photoId }) => photoId);
};

/** A generated photo with these bytes. */
async function generated(bytes: Uint8Array, overrides: Parameters<typeof insertPhoto>[1] = {}) {
  const photo = await insertPhoto(api.deps.database.db, {
    kind: "generated",
    filename: "made.png",
    fileSize: bytes.length,
    contentHash: sha256Of(bytes),
    ...overrides,
  });
  await api.deps.storage.put(originalKey({ ...photo, mimeType: photo.mimeType! }), bytes);
  return photo;
}

describe("a duplicate", () => {
  test("applies its title, tags and album to the existing photo", async () => {
    const bytes = await fresh();
    const first = await upload(api, formOf([{ bytes }], { title: "Old", tags: ["Sea", "sky"] }));
    const album = await insertAlbum(api.deps.database.db, []);
    const fields = { title: " Harbour ", tags: ["SEA", "boats"], album_id: album };
    const again = await upload(api, formOf([{ bytes, name: "other.png" }], fields));
    expect(again.status).toBe(200);
    expect(again.body).toEqual({
      ...first.body,
      title: "Harbour",
      tags: ["Sea", "sky", "boats"],
      duplicate: true,
    });
    expect(await albumOf(album)).toEqual([first.body["id"]]);
    const [, found] = await api.call("GET", "/photos?q=harbour%20boats");
    expect(found.items.map((photo: { id: string }) => photo.id)).toEqual([first.body["id"]]);
    expect((await api.call("GET", "/photos?tag=BOATS"))[1].total).toBe(1);
  });

  test("without title, tags and album changes nothing", async () => {
    const bytes = await fresh();
    const first = await upload(api, formOf([{ bytes }], { title: "Old", tags: ["sea"] }));
    const nothing: Record<string, string>[] = [{}, { title: "  " }, { tags: " " }];
    for (const fields of nothing) {
      const { body } = await upload(api, formOf([{ bytes }], fields));
      expect(body).toEqual({ ...first.body, duplicate: true });
    }
  });

  test.each([
    ["query", "?merge=false", {}],
    ["form", "", { merge: "false" }],
  ])("with merge=false in the %s changes nothing", async (_where, query, field) => {
    const bytes = await fresh();
    const first = await upload(api, formOf([{ bytes }], { title: "Old", tags: ["sea"] }));
    const album = await insertAlbum(api.deps.database.db, []);
    const fields = { title: "New", tags: ["new"], album_id: album, ...field };
    const { status, body } = await upload(api, formOf([{ bytes }], fields), { query });
    expect({ status, body }).toEqual({ status: 200, body: { ...first.body, duplicate: true } });
    expect(await albumOf(album)).toEqual([]);
    // A new photo is created as usual.
    const made = await upload(api, formOf([{ bytes: await fresh() }], fields), { query });
    expect(made.body).toMatchObject({ title: "New", tags: ["new"] });
  });

  test("that would exceed the tag limit is refused, and nothing of it is applied", async () => {
    const bytes = await fresh();
    const tags = Array.from({ length: 50 }, (_, n) => `tag ${n}`);
    const first = await upload(api, formOf([{ bytes }], { tags }));
    const album = await insertAlbum(api.deps.database.db, []);
    const fields = { title: "New", tags: ["one more"], album_id: album };
    const { status, body } = await upload(api, formOf([{ bytes }], fields));
    expect({ status, path: body["error"].details.errors[0].path }).toEqual({
      status: 400,
      path: "tags",
    });
    const [, shown] = await api.call("GET", `/photos/${first.body["id"]}`);
    expect(shown).toEqual(first.body);
    expect(await albumOf(album)).toEqual([]);
  });

  test("among several files gets the fields of the form, as the others do", async () => {
    const bytes = await fresh();
    await upload(api, formOf([{ bytes }]));
    const form = formOf([{ bytes }, { bytes: await fresh() }], { tags: ["trip"] });
    const { body } = await upload(api, form);
    expect(body["items"]).toMatchObject([
      { status: "duplicate", photo: { tags: ["trip"] } },
      { status: "created", photo: { tags: ["trip"] } },
    ]);
  });

  test("merge must be true or false; anything else is 400", async () => {
    const bytes = await fresh();
    expect((await upload(api, formOf([{ bytes }]), { query: "?merge=no" })).status).toBe(400);
    const { status, body } = await upload(api, formOf([{ bytes }], { merge: "no" }));
    expect([status, body["error"].details.errors[0].path]).toEqual([400, "merge"]);
  });

  test("applies every one of several simultaneous changes", async () => {
    const bytes = await fresh();
    const first = await upload(api, formOf([{ bytes }]));
    const tags = Array.from({ length: 8 }, (_, n) => `t${n}`);
    await Promise.all(tags.map((tag) => upload(api, formOf([{ bytes }], { tags: [tag] }))));
    const [, shown] = await api.call("GET", `/photos/${first.body["id"]}`);
    expect(shown.tags.toSorted()).toEqual(tags);
  });
});

describe("bytes of a generated photo", () => {
  test("that are uploaded return that photo", async () => {
    const bytes = await fresh();
    const made = await generated(bytes);
    const before = { rows: await count(), files: await api.files() };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => upload(api, formOf([{ bytes }], { tags: ["kept"] }))),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toMatchObject({
        id: made.id,
        is_generated: true,
        duplicate: true,
        tags: ["kept"],
      });
      expect(body["trashed"]).toBeUndefined();
    }
    expect({ rows: await count(), files: await api.files() }).toEqual(before);
  });

  test("in the trash return it as trashed, and restore it with restore=true", async () => {
    const bytes = await fresh();
    const made = await generated(bytes, { deletedAt: new Date() });
    const again = await upload(api, formOf([{ bytes }]));
    expect(again.body).toMatchObject({ id: made.id, duplicate: true, trashed: true });
    const back = await upload(api, formOf([{ bytes }]), { query: "?restore=true" });
    expect(back.body).toMatchObject({ id: made.id, duplicate: true });
    expect(back.body["trashed"]).toBeUndefined();
    expect(back.body["deleted_at"]).toBeUndefined();
  });

  test("that several photos have return one that is not in the trash, an upload first, else the oldest", async () => {
    const { db } = api.deps.database;
    const bytes = await fresh();
    const at = (day: number) => new Date(Date.UTC(2026, 0, day));
    const trashed = await generated(bytes, { createdAt: at(1), deletedAt: at(9) });
    const younger = await generated(bytes, { createdAt: at(3) });
    const older = await generated(bytes, { createdAt: at(2) });
    const known = async () => (await upload(api, formOf([{ bytes }]))).body["id"];
    expect(await known()).toBe(older.id);
    const own = await generated(bytes, { kind: "uploaded", createdAt: at(5) });
    expect(await known()).toBe(own.id);
    for (const { id } of [own, older, younger]) {
      await db
        .update(photos)
        .set({ deletedAt: at(9) })
        .where(eq(photos.id, id));
    }
    expect([own.id, trashed.id]).toContain(await known());
  });

  test("that were deleted for good become a new photo", async () => {
    const bytes = await fresh();
    const made = await generated(bytes);
    await api.request(`/api/v1/photos/${made.id}?permanent=true`, { method: "DELETE" });
    const { status, body } = await upload(api, formOf([{ bytes }]));
    expect(status).toBe(201);
    expect(body["id"]).not.toBe(made.id);
  });
});
