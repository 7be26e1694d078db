import { afterAll, beforeAll, expect, test } from "bun:test";
import { listPhotos } from "#db/queries/photos/photo-list";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { masks } from "#db/schema/masks";
import { type ListedPhoto, listedColumns, type NewPhoto } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { steps } from "#db/schema/steps";
import { photoToWire } from "#api/modules/photos/model";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
afterAll(() => api.close());

/** A value for every column, chosen so that a wrong conversion shows. */
async function everything(): Promise<Partial<NewPhoto>> {
  const { db } = api.deps.database;
  const source = await insertPhoto(db, { createdAt: new Date(0) });
  const maskHash = "a".repeat(64);
  const mask = { contentHash: maskHash, width: 32, height: 32, png: new Uint8Array([1]) };
  await db.insert(masks).values({ ...mask, usedAt: new Date() });
  const sessionId = crypto.randomUUID();
  await db.insert(sessions).values({ id: sessionId, entryType: "scratch" });
  const stepId = crypto.randomUUID();
  const parameters = {
    modelKey: "m",
    modelHash: "h",
    width: 64,
    height: 64,
    steps: 1,
    cfgScale: 1,
    scheduler: "euler",
    batchSize: 1,
    seed: 1,
  };
  await db.insert(steps).values({
    id: stepId,
    sessionId,
    position: 1,
    prompt: "p",
    parameters,
    modelKey: "m",
    modelHash: "h",
    modelName: "M",
    correlationId: crypto.randomUUID(),
    batchSize: 1,
  });
  return {
    kind: "generated",
    filename: 'a "quoted" \\ name\n\u0001\u2028.png',
    fileSize: Number.MAX_SAFE_INTEGER,
    thumbhash: "3OcRJYB4d3h/iIeHeEh3eIhw+j3A",
    createdAt: new Date("2026-02-28T23:59:59.070Z"),
    takenAt: "2024-02-29 23:59:59.5",
    takenAtOffsetMinutes: -840,
    takenAtSource: "exif",
    title: "Füchse 🦊",
    tags: ['with "quotes"', "a, comma", "{braces}", "back\\slash", "NULL", "", "🦊"],
    isFavorite: true,
    rating: 0,
    deletedAt: new Date("2026-03-01T00:00:00.100Z"),
    retrievalAttempts: 3,
    retrievalError: "once",
    invokeId: "one.png",
    sessionId,
    stepId,
    slotIndex: 0,
    sourceImageId: source.id,
    maskHash,
    references: [{ imageId: crypto.randomUUID(), role: "style", weight: 0.5 }],
    generation: {
      prompt: 'a "fox"\\',
      seed: 2 ** 53 - 1,
      cfgScale: 7.1,
      strength: 1e-7,
      guidance: 1e21,
      loras: [{ name: "soft", weight: -0.75 }],
    },
    costUsd: 0.000001,
    reproduction: { verdict: "near", distance: 0.1, checkedAt: "2026-03-01T00:00:00.000Z" },
  };
}

test.each(["every column set", "only the columns that each photo has"])(
  "a photo with %s is byte for byte the same in a list and on its own",
  async (which) => {
    const { db } = api.deps.database;
    const isFull = which === "every column set";
    const { id } = await insertPhoto(db, isFull ? await everything() : {});
    const filter = { isTrashed: isFull };
    const page = { filter, sort: "newest", limit: 1, offset: 0, after: null } as const;
    const [listed] = await listPhotos(db, page);
    const found = await findPhotoById(db, id);
    expect(listed).toBeDefined();
    expect(found).toMatchObject(listed as ListedPhoto);
    expect(Object.keys(listed!)).toEqual(Object.keys(listedColumns));
    if (isFull) expect(Object.values(listed!)).not.toContain(null);
    expect(JSON.stringify(photoToWire(listed!))).toBe(JSON.stringify(photoToWire(found!)));

    const response = await api.request(`/api/v1/photos?limit=1&total=false&trashed=${isFull}`);
    const alone = await api.request(`/api/v1/photos/${id}`, {
      headers: { accept: "application/json" },
    });
    const text = await alone.text();
    expect(text).toContain(id);
    expect((await response.text()).startsWith(`{"items":[${text}]`)).toBe(true);
  },
);
