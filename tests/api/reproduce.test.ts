import { afterAll, beforeEach, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { judgeReproduction } from "#db/queries/reproductions/reproductions";
import { photos } from "#db/schema/photos";
import { reproductions } from "#db/schema/reproductions";
import { createTestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;

afterAll(() => api.close());
beforeEach(() => void (api.temporal.calls.length = 0));

const reproduce = (id: string) => api.request(`/api/v1/photos/${id}/reproduce`, { method: "POST" });
const requestsOf = (photoId: string) =>
  db.select().from(reproductions).where(eq(reproductions.photoId, photoId));

test("a request is written before its workflow is notified; another one while it is open changes nothing", async () => {
  const photo = await insertPhoto(db, { kind: "generated" });
  api.temporal.isAway = true;
  const first = await reproduce(photo.id);
  api.temporal.isAway = false;
  expect(first.status).toBe(202);
  expect(await first.json()).toMatchObject({ id: photo.id, is_generated: true });
  expect(await requestsOf(photo.id)).toMatchObject([{ judgedAt: null, batchId: null }]);
  expect((await reproduce(photo.id)).status).toBe(202);
  expect(await requestsOf(photo.id)).toHaveLength(1);
  expect(api.temporal.calls).toEqual([["reproductionRequested", photo.id]]);
});

test("the verdict is on the photo, has one event, and is removed by a purge", async () => {
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
  // After a verdict, a new request is accepted.
  await reproduce(photo.id);
  expect(await requestsOf(photo.id)).toHaveLength(2);
  await api.request(`/api/v1/photos/${photo.id}?permanent=true`, { method: "DELETE" });
  expect(await db.select().from(photos).where(eq(photos.id, photo.id))).toEqual([]);
  expect(await requestsOf(photo.id)).toEqual([]);
});

test("only a generated photo that has been fetched and is not in the trash can be reproduced", async () => {
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
