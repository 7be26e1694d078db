import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { listWaiting } from "#db/queries/generation/waiting";
import { endImport, startImport } from "#db/queries/imports/imports";
import { noteFolderCheck } from "#db/queries/imports/watched";
import { photoImports } from "#db/schema/imports";
import { createTestApi } from "#tests/support/api";

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
