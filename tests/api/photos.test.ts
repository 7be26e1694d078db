import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import sharp from "sharp";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { createTestApi } from "#tests/support/api";
import { insertPhoto, unreceived } from "#tests/support/rows";
import { formOf, pngOfShade, upload, uploadedPhoto } from "#tests/support/uploads";

type Json = Record<string, any>;
const api = await createTestApi();
afterAll(() => api.close());

const pathOf = (photo: Json) => `/api/v1/photos/${photo["id"]}`;
const json = { accept: "application/json" };

/** A generated photo that has not been fetched. */
const unfetched = (status: "pending" | "processing" | "failed") =>
  insertPhoto(api.deps.database.db, {
    ...unreceived,
    retrievalStatus: status,
    retrievalAttempts: 5,
    ...(status === "failed" && { retrievalError: "InvokeAI did not answer" }),
  });

describe("the original", () => {
  test("is sent unchanged, with its hash as strong ETag; only the current v is immutable", async () => {
    const bytes = await pngOfShade(9_001);
    const { body: photo } = await upload(api, formOf([{ bytes, name: "Über den Wolken.png" }]));
    const response = await api.request(photo["full_url"]);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "image/png",
      "content-length": String(bytes.length),
      etag: `"${photo["content_hash"]}"`,
      "cache-control": "private, max-age=31536000, immutable",
      vary: "Accept",
      "content-disposition": `inline; filename="U_ber den Wolken.png"; filename*=UTF-8''%C3%9Cber%20den%20Wolken.png`,
    });
    for (const path of [pathOf(photo), `${pathOf(photo)}?v=0`]) {
      expect((await api.request(path)).headers.get("cache-control")).toBe("private, no-cache");
    }
  });

  test.each([
    [undefined, "image/png"],
    ["*/*", "image/png"],
    ["image/avif,image/webp,*/*;q=0.8", "image/png"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "image/png"],
    ["application/json", "application/json"],
    ["application/json, */*;q=0.1", "application/json"],
    ["application/json;q=0.5, image/*", "image/png"],
  ])("or the photo, by Accept: %s", async (accept, type) => {
    const photo = await uploadedPhoto(api, 9_002);
    const response = await api.request(pathOf(photo), accept ? { headers: { accept } } : {});
    expect(response.headers.get("content-type")).toContain(type);
    expect(response.headers.get("vary")).toBe("Accept");
  });

  const ranges: [string, number, string, number, number][] = [
    ["bytes=0-9", 206, "bytes 0-9/", 0, 10],
    ["bytes=5-", 206, "bytes 5-", 5, Infinity],
    ["bytes=-7", 206, "bytes -7", -7, Infinity],
    ["bytes=0-99999999", 206, "bytes 0-", 0, Infinity],
    ["bytes=9-5", 200, "", 0, Infinity],
    ["bytes=0-1,3-4", 200, "", 0, Infinity],
    ["lines=1-2", 200, "", 0, Infinity],
  ];
  test.each(ranges)("Range: %s answers %i", async (range, status, _shown, from, to) => {
    const bytes = await pngOfShade(9_003);
    const { body } = await upload(api, formOf([{ bytes }]));
    const response = await api.request(pathOf(body), { headers: { range } });
    expect(response.status).toBe(status);
    const got = Buffer.from(await response.arrayBuffer());
    expect(got.equals(bytes.subarray(from, to === Infinity ? undefined : to))).toBe(true);
    const start = from < 0 ? bytes.length + from : from;
    expect(response.headers.get("content-range")).toBe(
      status === 206 ? `bytes ${start}-${start + got.length - 1}/${bytes.length}` : null,
    );
    expect(response.headers.get("content-length")).toBe(String(got.length));
  });

  test("a range beyond the end is 416 with the size; a range of another version gets the whole file", async () => {
    const photo = await uploadedPhoto(api, 9_003);
    const beyond = await api.request(pathOf(photo), { headers: { range: "bytes=9999999-" } });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get("content-range")).toBe(`bytes */${photo["file_size"]}`);
    const other = await api.request(pathOf(photo), {
      headers: { range: "bytes=0-1", "if-range": '"other"' },
    });
    expect(other.status).toBe(200);
  });

  test("is 304 for a client that has it, by any of several ETags", async () => {
    const photo = await uploadedPhoto(api, 9_003);
    for (const tags of [`"${photo["content_hash"]}"`, `"x", W/"${photo["content_hash"]}"`, "*"]) {
      const response = await api.request(pathOf(photo), { headers: { "if-none-match": tags } });
      expect(response.status).toBe(304);
      expect(response.headers.get("etag")).toBe(`"${photo["content_hash"]}"`);
    }
  });

  test("is 202 with Retry-After before it is retrieved, and 502 if its retrieval failed", async () => {
    const pending = await api.request(pathOf(await unfetched("pending")));
    expect(pending.status).toBe(202);
    expect(pending.headers.get("retry-after")).toBe("2");
    expect(await pending.json()).toMatchObject({ retrieval_status: "pending" });
    const failed = await api.request(pathOf(await unfetched("failed")));
    expect(failed.status).toBe(502);
    expect(await failed.json()).toMatchObject({ error: { code: "invokeai_retrieval_error" } });
    const asJson = await api.request(pathOf(await unfetched("failed")), { headers: json });
    expect(asJson.status).toBe(200);
    expect(await asJson.json()).toMatchObject({ retrieval_error: "InvokeAI did not answer" });
  });
});

describe("thumbnail and preview", () => {
  test("are WebP without metadata, within their bounds, under both spellings", async () => {
    const photo = await uploadedPhoto(api, 9_004);
    const paths = [
      photo["thumbnail_url"],
      photo["preview_url"],
      `/api/v1/photos/thumbnail/${photo["id"]}`,
    ];
    for (const path of paths) {
      const response = await api.request(path);
      expect(response.headers.get("content-type")).toBe("image/webp");
      const { format, width, exif } = await sharp(await response.arrayBuffer()).metadata();
      expect({ format, width, exif }).toEqual({ format: "webp", width: 64, exif: undefined });
    }
    const cached = await api.request(photo["thumbnail_url"]);
    expect(cached.headers.get("cache-control")).toContain("immutable");
    const bare = await api.request(paths[2]);
    expect(bare.headers.get("cache-control")).toBe("private, no-cache");
    const etag = bare.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[^"]+"$/);
    const again = await api.request(paths[2], { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
  });

  test("need no row: they are served while the database is unavailable", async () => {
    const own = await createTestApi();
    const photo = await uploadedPhoto(own, 9_005);
    await own.deps.database.close();
    expect((await own.request(photo["thumbnail_url"])).status).toBe(200);
    expect((await own.request(photo["preview_url"])).status).toBe(200);
    await own.close();
  });

  test("are 404 for an unknown photo, 202 before its retrieval, 502 if that failed", async () => {
    expect((await api.request(`/api/v1/photos/${crypto.randomUUID()}/thumbnail`)).status).toBe(404);
    expect((await api.request(`${pathOf(await unfetched("processing"))}/preview`)).status).toBe(
      202,
    );
    expect((await api.request(`${pathOf(await unfetched("failed"))}/thumbnail`)).status).toBe(502);
  });
});

describe("changing", () => {
  const patch = (photo: Json, body: unknown) =>
    api.request(pathOf(photo), {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  test("of tags that differ only in case the first is kept; at most 50 tags of 64 characters are allowed", async () => {
    const photo = await uploadedPhoto(api, 9_026);
    const tagged = async (tags: string[]) => {
      const response = await patch(photo, { tags });
      return { status: response.status, body: (await response.json()) as Json };
    };
    const longest = "🌊".repeat(64);
    const spelled = await tagged(["Sea", " SEA ", "sea", longest]);
    expect(spelled).toMatchObject({ status: 200, body: { tags: ["Sea", longest] } });
    const many = Array.from({ length: 50 }, (_, n) => `tag ${n}`);
    expect((await tagged([...many, "TAG 1"])).body["tags"]).toEqual(many);
    expect((await tagged([...many, "one more"])).status).toBe(400);
    const tooLong = await tagged(["a", "ä".repeat(65)]);
    expect(tooLong.status).toBe(400);
    expect(tooLong.body["error"].details.errors[0].path).toBe("tags.1");
  });

  test("title, tags, favourite and rating are normalized and stored", async () => {
    const photo = await uploadedPhoto(api, 9_006);
    const response = await patch(photo, {
      title: "  Cafe\u0301 ",
      tags: [" a", "a"],
      is_favorite: true,
      rating: 5,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      title: "Café",
      tags: ["a"],
      is_favorite: true,
      rating: 5,
    });
    expect(await (await patch(photo, { title: null, rating: null })).json()).toEqual(
      expect.not.objectContaining({ title: expect.anything(), rating: expect.anything() }),
    );
  });

  test("an unknown photo is 404", async () => {
    expect((await patch({ id: crypto.randomUUID() }, { rating: 1 })).status).toBe(404);
  });
});

describe("deleting", () => {
  test("moves to the trash, from which a photo can be restored", async () => {
    const photo = await uploadedPhoto(api, 9_007);
    const deleted = await api.request(pathOf(photo), { method: "DELETE" });
    expect({ status: deleted.status, body: await deleted.text() }).toEqual({
      status: 204,
      body: "",
    });
    const shown = async () =>
      (await (await api.request(pathOf(photo), { headers: json })).json()) as Json;
    const { deleted_at } = await shown();
    expect(deleted_at).toBeString();
    await api.request(pathOf(photo), { method: "DELETE" });
    expect((await shown())["deleted_at"]).toBe(deleted_at);
    const restored = await api.request(`${pathOf(photo)}/restore`, { method: "POST" });
    expect(restored.status).toBe(200);
    expect((await shown())["deleted_at"]).toBeUndefined();
  });

  test("for good removes row and files", async () => {
    const photo = await uploadedPhoto(api, 9_008);
    const deleted = await api.request(`${pathOf(photo)}?permanent=true`, { method: "DELETE" });
    expect(deleted.status).toBe(204);
    expect((await api.files()).filter((file) => file.includes(photo["id"]))).toEqual([]);
    for (const path of [pathOf(photo), photo["thumbnail_url"]]) {
      expect((await api.request(path)).status).toBe(404);
    }
    expect((await api.request(pathOf(photo), { method: "DELETE" })).status).toBe(404);
  });
});

describe("retrying a retrieval", () => {
  const retry = (id: string) => api.request(`/api/v1/photos/${id}/retry`, { method: "POST" });

  test("sets a failed photo to pending, resets its attempts, and notifies its workflow", async () => {
    const { id } = await unfetched("failed");
    const response = await retry(id);
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({
      id,
      retrieval_status: "pending",
      retrieval_attempts: 0,
      retrying: 1,
    });
    expect(api.temporal.calls).toContainEqual([
      "retrievalRetried",
      expect.objectContaining({ id }),
    ]);
    const told = await api.deps.database.db.select().from(events);
    expect(told.filter((event) => event.data["photo_id"] === id)).toMatchObject([
      { type: "photo.retrieval_retried" },
    ]);
  });

  test("is accepted while the workflow service is unavailable: the row waits", async () => {
    const { id } = await unfetched("failed");
    api.temporal.isAway = true;
    const response = await retry(id);
    api.temporal.isAway = false;
    expect(response.status).toBe(202);
    const [row] = await api.deps.database.db.select().from(photos).where(eq(photos.id, id));
    expect(row?.retrievalStatus).toBe("pending");
  });

  test("is 409 for a photo that has been fetched, 404 for an unknown one", async () => {
    expect((await retry((await uploadedPhoto(api, 9_009))["id"])).status).toBe(409);
    expect((await retry(crypto.randomUUID())).status).toBe(404);
  });

  test("of several photos lists those that cannot be retried", async () => {
    const [failed, here, unknown] = [
      (await unfetched("failed")).id,
      (await uploadedPhoto(api, 9_010))["id"] as string,
      crypto.randomUUID(),
    ];
    const response = await api.postJson("/api/v1/photos/batch/retry", {
      ids: [failed, here, unknown, failed],
    });
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      success_count: 1,
      failed_count: 2,
      details: {
        retrying: [failed],
        failed: [
          { id: here, code: "conflict" },
          { id: unknown, code: "not_found" },
        ],
      },
    });
    expect((await api.postJson("/api/v1/photos/batch/retry", { ids: [] })).status).toBe(400);
  });
});
