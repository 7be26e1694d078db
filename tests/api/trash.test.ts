import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { and, eq, getTableColumns } from "drizzle-orm";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { type Body, createTestApi } from "#tests/support/api";
import { insertAlbum, insertModel, insertPhoto } from "#tests/support/rows";
import { formOf, pngOfShade, upload, uploadedPhoto } from "#tests/support/uploads";

const api = await createTestApi();
const { db } = api.deps.database;
const { call } = api;
afterAll(() => api.close());

const rowOf = async (id: string) => (await db.select().from(photos).where(eq(photos.id, id)))[0];

const told = async (id: string) =>
  (await db.select().from(events).orderBy(events.id))
    .filter((event) => event.data["photo_id"] === id)
    .map(({ type, data }) => [type, data["album_ids"]]);

describe("the trash", () => {
  test("returns when a photo is purged, by the current retention", async () => {
    const photo = await insertPhoto(db, { deletedAt: new Date("2026-01-10T12:00:00Z") });
    const shown = async () => (await call("GET", `/photos/${photo.id}`))[1].purge_at;
    expect(await shown()).toBe("2026-02-09T12:00:00.000Z");
    await call("PATCH", "/settings", { library: { trash_retention_days: 2 } });
    expect(await shown()).toBe("2026-01-12T12:00:00.000Z");
    const [, list] = await call("GET", "/photos?trashed=true");
    expect(list.items.map((item: Body) => [item.id, item.purge_at])).toEqual([
      [photo.id, "2026-01-12T12:00:00.000Z"],
    ]);
    const restored = (await call("POST", `/photos/${photo.id}/restore`))[1];
    expect([restored.deleted_at, restored.purge_at]).toEqual([undefined, undefined]);
    await call("PATCH", "/settings", { library: { trash_retention_days: 30 } });
  });

  test("moving into it and out of it each has one event, with the albums whose counts change", async () => {
    const photo = await insertPhoto(db);
    const album = await insertAlbum(db, [photo.id]);
    const countOf = async () => (await call("GET", `/albums/${album}`))[1].photo_count;
    for (let times = 0; times < 2; times += 1) await call("DELETE", `/photos/${photo.id}`);
    expect(await countOf()).toBe(0);
    for (let times = 0; times < 2; times += 1) await call("POST", `/photos/${photo.id}/restore`);
    expect(await countOf()).toBe(1);
    await call("DELETE", `/photos/${photo.id}?permanent=true`);
    expect(await countOf()).toBe(0);
    expect(await told(photo.id)).toEqual([
      ["photo.trashed", [album]],
      ["photo.restored", [album]],
      ["photo.purged", [album]],
    ]);
  });
});

describe("a photo deleted for good", () => {
  test("is removed with its files and its row, and its bytes can be uploaded again as a new photo", async () => {
    const before = await api.files();
    const photo = await uploadedPhoto(api, 1);
    await call("DELETE", `/photos/${photo["id"]}`);
    expect((await call("DELETE", `/photos/${photo["id"]}?permanent=true`))[0]).toBe(204);
    expect(await api.files()).toEqual(before);
    expect(await rowOf(photo["id"])).toBeUndefined();
    const again = await upload(api, formOf([{ bytes: await pngOfShade(1) }]));
    expect([again.status, again.body["id"] === photo["id"]]).toEqual([201, false]);
  });

  test("whose files cannot be removed is hidden at once, and left to the next purge", async () => {
    const photo = await uploadedPhoto(api, 2);
    const { storage } = api.deps;
    const broken = spyOn(storage, "remove").mockImplementation(() =>
      Promise.reject(new Error("no disk")),
    );
    expect((await call("DELETE", `/photos/${photo["id"]}?permanent=true`))[0]).toBe(204);
    broken.mockRestore();
    expect((await call("GET", `/photos/${photo["id"]}`))[0]).toBe(404);
    expect(await rowOf(photo["id"])).toMatchObject({ mimeType: "image/png", filename: "" });
  });

  test("stays in the lineage without an image if others were made from it, and without private data", async () => {
    const marker = "marker-of-something-private";
    const source = await insertPhoto(db, {
      filename: `${marker}.png`,
      title: marker,
      tags: [marker],
      tagKeys: [marker],
      search: `'${marker}'`,
      promptHash: marker,
      thumbhash: marker,
      takenAt: "2020-02-02 20:20:20",
      takenAtOffsetMinutes: 60,
      rating: 5,
      isFavorite: true,
      generation: { prompt: marker },
      invokeId: marker,
      backend: marker,
      retrievalError: marker,
    });
    const child = await insertPhoto(db, { sourceImageId: source.id });
    expect((await call("DELETE", `/photos/${source.id}?permanent=true`))[0]).toBe(204);
    const node = await rowOf(source.id);
    expect(JSON.stringify(node)).not.toContain(marker);
    const kept = Object.entries(node!).filter(
      ([, value]) =>
        !(value === null || value === "" || value === false || value === 0) &&
        !(Array.isArray(value) && value.length === 0),
    );
    expect(kept.map(([name]) => name).toSorted()).toEqual(
      ["id", "kind", "createdAt", "shownAt", "deletedAt", "purgedAt", "retrievalStatus"].toSorted(),
    );
    expect(Object.keys(getTableColumns(photos))).toHaveLength(Object.keys(node!).length);
    expect((await call("GET", `/photos/${child.id}`))[1].source_image_id).toBe(source.id);
  });

  test("is 404 on every route, also as a source, cover or share target, and in no list", async () => {
    const photo = await insertPhoto(db);
    await insertPhoto(db, { sourceImageId: photo.id });
    await call("DELETE", `/photos/${photo.id}?permanent=true`);
    const path = `/photos/${photo.id}`;
    const asked: [string, string, object?][] = [
      ["GET", path],
      ["GET", `${path}/thumbnail`],
      ["GET", `/photos/thumbnail/${photo.id}`],
      ["GET", `${path}/preview`],
      ["GET", `${path}/metadata`],
      ["PATCH", path, { title: "again" }],
      ["DELETE", path],
      ["DELETE", `${path}?permanent=true`],
      ["POST", `${path}/restore`, {}],
      ["POST", `${path}/retry`, {}],
      ["POST", "/share", { photo_id: photo.id }],
      ["POST", "/generation/sessions", { entry_type: "refinement", source_image_id: photo.id }],
      ["POST", "/albums", { name: "Gone", cover_photo_id: photo.id }],
    ];
    for (const [method, route, body] of asked) {
      expect([method, route, (await call(method, route, body))[0]]).toEqual([method, route, 404]);
    }
    for (const list of ["/photos", "/photos?trashed=true"]) {
      const [, { items }] = await call("GET", list);
      expect(items.map((item: Body) => item.id)).not.toContain(photo.id);
    }
  });

  test("does not count as missing for its step: a retry does not generate it again", async () => {
    const model = await insertModel(db);
    const [, session] = await call("POST", "/generation/sessions", { entry_type: "scratch" });
    const [, step] = await call("POST", `/generation/sessions/${session.id}/steps`, {
      prompt: "a lighthouse",
      parameters: { model_key: model.key, batch_size: 2 },
    });
    const image = await insertPhoto(db, {
      kind: "generated",
      stepId: step.id,
      sessionId: session.id,
      slotIndex: 0,
    });
    await db
      .update(slots)
      .set({ status: "filled", photoId: image.id })
      .where(and(eq(slots.stepId, step.id), eq(slots.index, 0)));
    await db
      .update(steps)
      .set({ status: "cancelled", completedAt: new Date() })
      .where(eq(steps.id, step.id));
    await call("DELETE", `/photos/${image.id}?permanent=true`);
    expect((await call("POST", `/generation/steps/${step.id}/retry`))[0]).toBe(202);
    const rows = await db
      .select()
      .from(slots)
      .where(eq(slots.stepId, step.id))
      .orderBy(slots.index);
    expect(rows.map(({ index, status }) => [index, status])).toEqual([
      [0, "filled"],
      [1, "open"],
    ]);
    const [, status] = await call("GET", `/generation/steps/${step.id}/status`);
    expect(status.retrieval_status).toEqual({ total: 0, completed: 0, pending: 0, failed: 0 });
  });

  test("loses its share links, and its album falls back to another cover", async () => {
    const [cover, other] = [await insertPhoto(db), await insertPhoto(db)];
    const album = await insertAlbum(db, [cover.id, other.id]);
    await call("PATCH", `/albums/${album}`, { cover_photo_id: cover.id });
    const [, link] = await call("POST", "/share", { photo_id: cover.id });
    await call("DELETE", `/photos/${cover.id}?permanent=true`);
    expect((await call("GET", `/albums/${album}`))[1]).toMatchObject({
      cover_photo_id: other.id,
      photo_count: 1,
    });
    const [, links] = await call("GET", "/share/links");
    expect(links.items.map((item: Body) => item.id)).not.toContain(link.id);
  });
});
