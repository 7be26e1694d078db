import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { countMoved, listUnmoved, noteMoved } from "#db/queries/storage/moved-originals";
import {
  beginMove,
  cancelMove,
  findMove,
  findNewestMove,
  requestForgetting,
  switchMove,
} from "#db/queries/storage/storage-moves";
import { storageMoves } from "#db/schema/storage-moves";
import { placesOf } from "#library/places";
import { createTestDatabase } from "#tests/support/database";
import { insertPhoto } from "#tests/support/rows";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);
beforeEach(() => database.db.delete(storageMoves).then(() => {}));
afterAll(() => database.drop());

const begin = (id: string = crypto.randomUUID()) =>
  beginMove(database.db, { id, source: "disk", target: "s3" });

test("of two moves that are requested at once, one begins", async () => {
  const begun = await Promise.all([begin(), begin()]);
  expect(begun.filter(Boolean)).toHaveLength(1);
});

test("the newest move counts, also after the clock was set back", async () => {
  const startedAt = new Date(Date.now() + 3_600_000);
  const old = { source: "s3", target: "disk", status: "forgotten", startedAt } as const;
  await database.db.insert(storageMoves).values({ id: crypto.randomUUID(), ...old });
  const id = crypto.randomUUID();
  expect(await begin(id)).toBe(true);
  expect((await findNewestMove(database.db))?.id).toBe(id);
});

test("a move changes only from the status that allows it, once", async () => {
  const id = crypto.randomUUID();
  await begin(id);
  expect(await requestForgetting(database.db, { id, keepsFiles: false })).toBe(false);
  const both = await Promise.all([
    switchMove(database.db, id),
    cancelMove(database.db, { id, now: new Date() }),
  ]);
  expect(both.filter(Boolean)).toHaveLength(1);
  const { sinceStartMs } = (await findMove(database.db, id))!;
  expect(sinceStartMs).toBeGreaterThanOrEqual(0);
});

test("a new move has settled nothing; a photo that comes late, with a small id, is found", async () => {
  await begin();
  const late = "00000000-0000-7000-8000-000000000001";
  const photo = await insertPhoto(database.db);
  await noteMoved(database.db, [
    { photoId: photo.id, fault: null },
    { photoId: crypto.randomUUID(), fault: "missing" },
  ]);
  expect(await countMoved(database.db)).toEqual({
    originals: 1,
    settled: 1,
    missing: 0,
    damaged: 0,
  });
  await insertPhoto(database.db, { id: late });
  const page = { afterId: null, limit: 10 };
  expect((await listUnmoved(database.db, page)).map(({ id }) => id)).toEqual([late]);
  await database.db.delete(storageMoves);
  await begin();
  expect(await listUnmoved(database.db, page)).toHaveLength(2);
});

test.each([
  ["copying", "disk", "s3"],
  ["switching", "s3", "disk"],
  ["completed", "s3", "disk"],
  ["forgetting", "s3", "disk"],
  ["forgotten", "s3", null],
  ["cancelled", "disk", null],
] as const)("while %s, files are written to %s; the other place is %s", (status, first, other) => {
  const move = { source: "disk", target: "s3", status } as const;
  expect(placesOf(move, "disk")).toEqual({ first, other });
});
