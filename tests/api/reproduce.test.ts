import { afterAll, beforeEach, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { judgeReproduction } from "#db/queries/reproductions";
import { photos } from "#db/schema/photos";
import { reproductions } from "#db/schema/reproductions";
import { createTestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;

afterAll(() => api.close());
beforeEach(() => void (api.temporal.told.length = 0));

const reproduce = (id: string) => api.request(`/api/v1/photos/${id}/reproduce`, { method: "POST" });
const requestsOf = (photoId: string) =>
  db.select().from(reproductions).where(eq(reproductions.photoId, photoId));

test("a request is a row first, told after; a second one while it is open is the same", async () => {
  const photo = await insertPhoto(db, { kind: "generated" });
  api.temporal.isAway = true;
  const first = await reproduce(photo.id);
  api.temporal.isAway = false;
  expect(first.status).toBe(202);
  expect(await first.json()).toMatchObject({ id: photo.id, is_generated: true });
  expect(await requestsOf(photo.id)).toMatchObject([{ judgedAt: null, batchId: null }]);
  expect((await reproduce(photo.id)).status).toBe(202);
  expect(await requestsOf(photo.id)).toHaveLength(1);
  expect(api.temporal.told).toEqual([["reproductionRequested", photo.id]]);
});

test("the verdict stands on the photo, is told once, and goes with a purge", async () => {
  const photo = await insertPhoto(db, { kind: "generated" });
  await reproduce(photo.id);
  const [request] = await requestsOf(photo.id);
  const now = new Date("2026-11-22T20:15:00.000Z");
  const verdict = { verdict: "near", distance: 1.25, checkedAt: now.toISOString() } as const;
  await judgeReproduction(db, { id: request!.id, verdict, now });
  const late = { verdict: "different", checkedAt: now.toISOString() } as const;
  await judgeReproduction(db, { id: request!.id, verdict: late, now });
  const shown = await api.request(`/api/v1/photos/${photo.id}`, {
    headers: { accept: "application/json" },
  });
  expect(((await shown.json()) as { reproduction: unknown }).reproduction).toEqual({
    verdict: "near",
    distance: 1.25,
    checked_at: "2026-11-22T20:15:00.000Z",
  });
  // What was judged may be asked for again.
  await reproduce(photo.id);
  expect(await requestsOf(photo.id)).toHaveLength(2);
  await api.request(`/api/v1/photos/${photo.id}?permanent=true`, { method: "DELETE" });
  expect(await db.select().from(photos).where(eq(photos.id, photo.id))).toEqual([]);
  expect(await requestsOf(photo.id)).toEqual([]);
});

test("only a generated picture that is here, and not in the trash, is made again", async () => {
  const upload = await insertPhoto(db);
  const trashed = await insertPhoto(db, { kind: "generated", deletedAt: new Date() });
  const pending = await insertPhoto(db, { kind: "generated", retrievalStatus: "pending" });
  for (const { id } of [upload, trashed, pending]) {
    expect((await reproduce(id)).status).toBe(409);
    expect(await requestsOf(id)).toEqual([]);
  }
  expect((await reproduce(crypto.randomUUID())).status).toBe(404);
  expect((await reproduce("x")).status).toBe(404);
});
