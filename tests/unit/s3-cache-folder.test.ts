import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { storageFault } from "#media/storage/faults";
import { createCacheFolder } from "#media/storage/s3/cache-folder";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gallery-cache-folder-"));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (bytes: number) => (path: string) => writeFile(path, Buffer.alloc(bytes));
const never = () => Promise.reject(new Error("downloaded again"));

test("an object is downloaded once, however many ask for it at once, and again after it changed", async () => {
  const cache = createCacheFolder(folder, 1_000);
  let downloads = 0;
  const open = (etag: string) =>
    cache.open({ key: "a", etag }, (path) => ((downloads += 1), write(10)(path)));
  const paths = await Promise.all([open("1"), open("1"), open("1")]);
  expect(new Set(paths).size).toBe(1);
  expect(downloads).toBe(1);
  expect(await open("2")).not.toBe(paths[0]!);
  expect(downloads).toBe(2);
});

test("another process finds what this one downloaded", async () => {
  const path = await createCacheFolder(folder, 1_000).open({ key: "a", etag: "1" }, write(10));
  expect(await createCacheFolder(folder, 1_000).open({ key: "a", etag: "1" }, never)).toBe(path);
});

test("a failed download leaves nothing, and the next one is tried", async () => {
  const cache = createCacheFolder(folder, 1_000);
  const half = async (path: string) => {
    await writeFile(path, "half");
    throw new Error("cut");
  };
  await cache.open({ key: "a", etag: "1" }, half).catch(() => undefined);
  expect(await readdir(folder)).toEqual([]);
  const path = await cache.open({ key: "a", etag: "1" }, write(10));
  expect(Bun.file(path).size).toBe(10);
});

test("above the limit the least recently used files are removed, but none that was just used", async () => {
  const cache = createCacheFolder(folder, 1_000);
  const old = await cache.open({ key: "old", etag: "1" }, write(600));
  const older = await cache.open({ key: "older", etag: "1" }, write(600));
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
  await utimes(old, hoursAgo(1), hoursAgo(1));
  await utimes(older, hoursAgo(2), hoursAgo(2));
  const used = await cache.open({ key: "used", etag: "1" }, write(900));
  expect(await Bun.file(older).exists()).toBe(false);
  expect(await Bun.file(old).exists()).toBe(false);
  const alsoUsed = await cache.open({ key: "also used", etag: "1" }, write(900));
  expect(await Bun.file(used).exists()).toBe(true);
  expect(await Bun.file(alsoUsed).exists()).toBe(true);
});

test("on a full disk copies that were not used for minutes give way", async () => {
  const cache = createCacheFolder(folder, 1_000_000);
  const old = await cache.open({ key: "old", etag: "1" }, write(600));
  const used = await cache.open({ key: "used", etag: "1" }, write(600));
  const minutesAgo = new Date(Date.now() - 3 * 60_000);
  await utimes(old, minutesAgo, minutesAgo);
  const path = await cache.open({ key: "new", etag: "1" }, async (to) => {
    if (await Bun.file(old).exists()) throw storageFault({ code: "ENOSPC" });
    await writeFile(to, Buffer.alloc(10));
  });
  expect([Bun.file(path).size, await Bun.file(used).exists()]).toEqual([10, true]);
});

test("the folder may be deleted while it is in use", async () => {
  const cache = createCacheFolder(folder, 1_000);
  await cache.open({ key: "a", etag: "1" }, write(10));
  await rm(folder, { recursive: true });
  const path = await cache.open({ key: "a", etag: "1" }, write(10));
  expect(Bun.file(path).size).toBe(10);
});
