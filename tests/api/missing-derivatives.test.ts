import { afterAll, beforeAll, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import sharp from "sharp";
import { createApp } from "#api/app";
import { photos } from "#db/schema/photos";
import { AppError } from "#errors";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import type { DecodeBudget } from "#media/pictures/decode-budget";
import { createTestApi, type TestApi } from "#tests/support/api";
import { makeLink } from "#tests/support/links";
import { uploadedPhoto } from "#tests/support/uploads";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

let shade = 31_000;
const nextPhoto = async () => (await uploadedPhoto(api, (shade += 1)))["id"] as string;
const remove = (key: string) => rm(join(api.dataDir, key));
const originalOf = (id: string) => originalKey({ kind: "uploaded", id, mimeType: "image/png" });
const sizes = ["thumbnail", "preview"] as const;
const keyOf = { thumbnail: thumbnailKey, preview: previewKey };

async function widthOf(answer: Response): Promise<number | undefined> {
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/webp"]);
  return (await sharp(Buffer.from(await answer.arrayBuffer())).metadata()).width;
}

/** The api with a budget that counts what is decoded. */
function countingApi() {
  let decodes = 0;
  const budget: DecodeBudget = {
    spend: (bytes, work) => {
      decodes += 1;
      return api.deps.decodeLimits.budget.spend(bytes, work);
    },
  };
  const app = createApp({ ...api.deps, decodeLimits: { ...api.deps.decodeLimits, budget } });
  return {
    get: (path: string) => app.handle(new Request(`http://localhost${path}`)),
    decodes: () => decodes,
  };
}

test.each(sizes)(
  "a missing %s of an intact original is recreated, stored, and served from then on",
  async (size) => {
    const id = await nextPhoto();
    await remove(keyOf[size](id));
    const { get, decodes } = countingApi();
    expect(await widthOf(await get(`/api/v1/photos/${id}/${size}`))).toBe(64);
    expect(await widthOf(await get(`/api/v1/photos/${id}/${size}`))).toBe(64);
    expect(decodes()).toBe(1);
    expect(await api.deps.storage.find(keyOf[size](id))).toBeDefined();
  },
);

test("simultaneous requests for thumbnail and preview of one photo decode it once", async () => {
  const id = await nextPhoto();
  for (const size of sizes) await remove(keyOf[size](id));
  const { get, decodes } = countingApi();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => get(`/api/v1/photos/${id}/${sizes[n % 2]}`)),
  );
  for (const answer of answers) expect(await widthOf(answer)).toBe(64);
  expect(decodes()).toBe(1);
});

test("a visitor of a link also gets a recreated image, without using the decoders reserved for the owner", async () => {
  const id = await nextPhoto();
  const { key } = await makeLink(api, { photo_id: id });
  for (const size of sizes) await remove(keyOf[size](id));
  const { get, decodes } = countingApi();
  const paths = sizes.flatMap((size) => [
    `/s/${key}/photos/${id}/${size}`,
    `/api/v1/share/${key}/photos/${id}/${size}`,
  ]);
  const answers = await Promise.all(paths.map(get));
  for (const answer of answers) expect(await widthOf(answer)).toBe(64);
  expect(decodes()).toBe(0);
});

test("a derivative that cannot be stored because the disk is full is served anyway", async () => {
  const id = await nextPhoto();
  await remove(thumbnailKey(id));
  const full = new AppError({ kind: "storage_full", code: "storage_error", message: "full" });
  const app = createApp({
    ...api.deps,
    storage: { ...api.deps.storage, put: () => Promise.reject(full) },
  });
  const answer = await app.handle(new Request(`http://localhost/api/v1/photos/${id}/thumbnail`));
  expect(await widthOf(answer)).toBe(64);
  expect(await api.deps.storage.find(thumbnailKey(id))).toBeUndefined();
});

test("without an original, or with a broken one, nothing is created: 500 for the owner, 404 for a visitor", async () => {
  const [gone, broken] = [await nextPhoto(), await nextPhoto()];
  for (const id of [gone, broken]) await remove(thumbnailKey(id));
  await remove(originalOf(gone));
  await Bun.write(join(api.dataDir, originalOf(broken)), "no picture");
  for (const id of [gone, broken]) {
    const answer = await api.request(`/api/v1/photos/${id}/thumbnail`);
    expect(answer.status).toBe(500);
    expect((await answer.json()).error.message).toContain("restore it from a backup");
    const { key } = await makeLink(api, { photo_id: id });
    expect((await api.request(`/s/${key}/photos/${id}/thumbnail`)).status).toBe(404);
    expect(await api.deps.storage.find(thumbnailKey(id))).toBeUndefined();
  }
});

test("an image served from memory is gone with its photo, whichever process removed it", async () => {
  const [purged, removed] = [await nextPhoto(), await nextPhoto()];
  const { key } = await makeLink(api, { photo_id: purged });
  // Files written a moment ago are not held in memory.
  const later = () => new Date(Date.now() + 60_000);
  const app = createApp({ ...api.deps, now: later });
  const get = (path: string) => app.handle(new Request(`http://localhost${path}`));
  const paths = [purged, removed].flatMap((id) =>
    sizes.map((size) => `/api/v1/photos/${id}/${size}`),
  );
  const shared = sizes.map((size) => `/s/${key}/photos/${purged}/${size}`);
  for (const path of [...paths, ...shared, ...paths, ...shared]) {
    expect(await widthOf(await get(path))).toBe(64);
  }
  await api.call("DELETE", `/photos/${purged}?permanent=true`);
  for (const keyOfSize of Object.values(keyOf)) await remove(keyOfSize(removed));
  await api.deps.database.db.delete(photos).where(eq(photos.id, removed));
  for (const path of [...paths, ...shared]) {
    expect([path, (await get(path)).status]).toEqual([path, 404]);
  }
});
