import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { inArray } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { type Body, createTestApi } from "#tests/support/api";
import { insertAlbum, insertPhoto } from "#tests/support/rows";
import { uploadedPhoto } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

const bulk = (what: string, body: object) => api.call("POST", `/photos/batch/${what}`, body);

const get = async (path: string): Promise<Body> => (await api.call("GET", path))[1];

const tagsOf = async (id: string) => (await get(`/photos/${id}`)).tags;

describe("bulk changes", () => {
  test("report on each id, and albums count and show the remaining photos", async () => {
    const [first, second] = [await insertPhoto(db), await insertPhoto(db)];
    const album = await insertAlbum(db, [first.id, second.id]);
    const missing = crypto.randomUUID();
    const ids = [first.id, missing, first.id.toUpperCase()];
    const outcome = {
      success_count: 1,
      failed_count: 1,
      details: { succeeded: [first.id], failed: [{ id: missing, code: "not_found" }] },
    };
    expect(await bulk("delete", { ids })).toEqual([200, outcome]);
    const shown = { photo_count: 1, cover_photo_id: second.id };
    expect(await get(`/albums/${album}`)).toMatchObject(shown);
    expect(await bulk("restore", { ids })).toEqual([200, outcome]);
    const whole = { photo_count: 2, cover_photo_id: first.id };
    expect(await get(`/albums/${album}`)).toMatchObject(whole);
  });

  test("delete for good with permanent=true, including files", async () => {
    const before = await api.files();
    const uploads = [await uploadedPhoto(api, 11), await uploadedPhoto(api, 12)];
    const ids = uploads.map((photo) => photo["id"] as string);
    const [status, body] = await bulk("delete?permanent=true", { ids });
    expect([status, body.details]).toEqual([200, { succeeded: ids, failed: [] }]);
    expect(await api.files()).toEqual(before);
    expect((await bulk("restore", { ids }))[1].failed_count).toBe(2);
  });

  test("with permanent=true delete every photo whose files can be removed, and leave the others to the next purge", async () => {
    const uploads = [await uploadedPhoto(api, 13), await uploadedPhoto(api, 14)];
    const ids = uploads.map((photo) => photo["id"] as string);
    const { storage } = api.deps;
    const remove = storage.remove.bind(storage);
    const broken = spyOn(storage, "remove").mockImplementation((key) =>
      key.includes(ids[0]!) ? Promise.reject(new Error("no disk")) : remove(key),
    );
    const [status, body] = await bulk("delete?permanent=true", { ids });
    broken.mockRestore();
    expect([status, body.details]).toEqual([200, { succeeded: ids, failed: [] }]);
    const left = await db.select({ id: photos.id }).from(photos).where(inArray(photos.id, ids));
    expect(left).toEqual([{ id: ids[0]! }]);
  });

  test("without ids, with too many or with a malformed id answer 400", async () => {
    const many = Array.from({ length: 501 }, () => crypto.randomUUID());
    for (const ids of [[], many, ["not-an-id"]]) {
      for (const what of ["delete", "restore"]) {
        expect((await bulk(what, { ids }))[0]).toBe(400);
      }
      expect((await bulk("tag", { ids, tags: ["sea"] }))[0]).toBe(400);
    }
  });
});

describe("bulk tags", () => {
  test("are added, removed and replaced case-insensitively, and photos are found by them", async () => {
    const [one, two] = [
      await insertPhoto(db, { tags: ["Beach"], tagKeys: ["beach"] }),
      await insertPhoto(db),
    ];
    const ids = [one.id, two.id];
    expect((await bulk("tag", { ids, tags: [" beach ", "Ünique"] }))[0]).toBe(200);
    expect(await tagsOf(one.id)).toEqual(["Beach", "Ünique"]);
    expect(await tagsOf(two.id)).toEqual(["beach", "Ünique"]);
    const idsOf = async (query: string) =>
      (await get(`/photos?${query}`)).items.map((item: Body) => item.id).toSorted();
    expect(await idsOf("tag=BEACH")).toEqual(ids.toSorted());
    expect(await idsOf("q=unique")).toEqual(ids.toSorted());

    await bulk("tag", { ids, tags: ["BEACH"], mode: "remove" });
    expect(await tagsOf(one.id)).toEqual(["Ünique"]);
    expect(await idsOf("tag=beach")).toEqual([]);

    await bulk("tag", { ids: [one.id], tags: ["winter"], mode: "replace" });
    expect([await tagsOf(one.id), await tagsOf(two.id)]).toEqual([["winter"], ["Ünique"]]);
    await bulk("tag", { ids: [one.id], tags: [], mode: "replace" });
    expect(await tagsOf(one.id)).toEqual([]);
    expect(await idsOf("q=winter")).toEqual([]);
  });

  test("do not change a photo that would get more than 50; the other photos get theirs", async () => {
    const tags = Array.from({ length: 49 }, (_, at) => `t${at}`);
    const [full, free] = [await insertPhoto(db, { tags, tagKeys: tags }), await insertPhoto(db)];
    const [, body] = await bulk("tag", { ids: [full.id, free.id], tags: ["x", "y"] });
    expect(body.details).toEqual({
      succeeded: [free.id],
      failed: [{ id: full.id, code: "validation_error" }],
    });
    expect(await tagsOf(full.id)).toEqual(tags);
    for (const bad of [["x".repeat(65)], [...tags, "a", "b"], [" "]]) {
      expect((await bulk("tag", { ids: [free.id], tags: bad }))[0]).toBe(400);
    }
  });
});
