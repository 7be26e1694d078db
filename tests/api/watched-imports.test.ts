import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { listWaiting } from "#db/queries/generation/waiting";
import {
  endImport,
  insertImport,
  lockWatchedFolders,
  startImport,
} from "#db/queries/imports/imports";
import { noteFolderCheck } from "#db/queries/imports/watched";
import { photoImports } from "#db/schema/imports";
import { type Body, createTestApi } from "#tests/support/api";
import { until } from "#tests/support/wait";

const root = await realpath(await mkdtemp(join(tmpdir(), "gallery-watched-")));
const api = await createTestApi({ IMPORT_ROOTS: root });
const { db } = api.deps.database;
afterAll(async () => {
  await api.close();
  await rm(root, { recursive: true, force: true });
});

async function watch(name: string) {
  const path = join(root, name);
  await mkdir(path, { recursive: true });
  return api.call("POST", "/photos/import", { path, watch: true });
}

test("a folder is watched by one import, and eight folders at most; a refusal leaves nothing behind", async () => {
  const [status, first] = await watch("a");
  expect([status, first]).toMatchObject([202, { watch: true, changing: 0, folder: "a" }]);
  expect((await watch("a"))[0]).toBe(409);
  const [once, plain] = await api.call("POST", "/photos/import", { path: join(root, "a") });
  expect([once, plain.watch]).toEqual([202, false]);
  for (const name of ["b", "c", "d", "e", "f", "g", "h"]) expect((await watch(name))[0]).toBe(202);
  const [refused, { error }] = await watch("i");
  expect([refused, error.message]).toEqual([409, expect.stringContaining("At most 8 folders")]);
  expect(await db.$count(photoImports)).toBe(9);
  const now = new Date();
  expect(await endImport(db, { id: first.id, status: "cancelled", error: null, now })).toBe(true);
  expect((await watch("i"))[0]).toBe(202);
});

describe("a folder is not watched twice:", () => {
  let outer: Body;
  beforeAll(async () => {
    await db.update(photoImports).set({ status: "cancelled" });
    outer = (await watch("tree/trips"))[1];
  });
  const live = () => db.$count(photoImports, eq(photoImports.status, "pending"));

  test.each([
    ["the same one", "tree/trips", "already watches this folder"],
    ["one far below it", "tree/trips/2026/sea", "a folder that this one is in"],
    ["one above it", "tree", "holds some that are watched"],
  ])("%s is refused with the import that is in the way", async (_, name, words) => {
    const [status, { error }] = await watch(name);
    expect([status, error.code, error.details]).toEqual([
      409,
      "conflict",
      { import_ids: [outer.id] },
    ]);
    expect(error.message).toContain(words);
    expect(await live()).toBe(1);
  });

  test("a link to one below it is one below it", async () => {
    await symlink(join(root, "tree/trips/2026"), join(root, "shortcut"));
    expect((await watch("shortcut"))[0]).toBe(409);
  });

  test("at the same moment, the second one waits for the first", async () => {
    const first = { id: crypto.randomUUID(), path: join(root, "twice"), root, makesAlbums: false };
    const answer = await db.transaction(async (tx) => {
      await lockWatchedFolders(tx);
      await insertImport(tx, { ...first, watches: true });
      const second = watch("twice/a");
      await until("a request that waits", async () => {
        const waiting = await db.execute(sql`select from pg_locks
          where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`);
        return waiting.length > 0;
      });
      return { second };
    });
    const [status, { error }] = await answer.second;
    expect([status, error?.details]).toEqual([409, { import_ids: [first.id] }]);
  });

  test("others are watched: beside it, with its name as a beginning, or left out of its walk", async () => {
    for (const name of ["tree/other", "tree/trips 2", "tree/trips/.phone/in"]) {
      expect([name, (await watch(name))[0]]).toEqual([name, 202]);
    }
  });

  test("importing it once is no watching", async () => {
    const [status] = await api.call("POST", "/photos/import", {
      path: join(root, "tree/trips/2026"),
    });
    expect(status).toBe(202);
  });

  test("once it is cancelled, one above it may be watched", async () => {
    await db.update(photoImports).set({ status: "cancelled" });
    expect((await watch("tree"))[0]).toBe(202);
  });
});

test("a watched folder counts as waiting only while it is away", async () => {
  const path = join(root, "j");
  const id = crypto.randomUUID();
  await db.insert(photoImports).values({ id, path, root, watches: true });
  await startImport(db, { id, now: new Date() });
  const waiting = async () => {
    const before = new Date(Date.now() + 60_000);
    const found = await listWaiting(db, { before, limit: 100 });
    return found.find((one) => one.id === id)?.message;
  };
  const lookedAt = new Date();
  await noteFolderCheck(db, { importId: id, lookedAt, changing: 2 });
  expect(await waiting()).toBeUndefined();
  await noteFolderCheck(db, { importId: id, awayReason: "gone" });
  expect(await waiting()).toBe("gone");
  const [, shown] = await api.call("GET", `/photos/imports/${id}`);
  expect(shown).toMatchObject({
    status: "processing",
    changing: 2,
    looked_at: lookedAt.toISOString(),
    progress_message: "gone",
  });
  await db.delete(photoImports).where(eq(photoImports.id, id));
});
