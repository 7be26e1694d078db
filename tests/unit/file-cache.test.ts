import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileCache } from "#api/http/responses/file-cache";
import { createDiskStorage } from "#media/storage/disk";
import { thumbnailKey } from "#media/storage/keys";

const dataDir = await mkdtemp(join(tmpdir(), "gallery-cache-"));
afterAll(() => rm(dataDir, { recursive: true }));

const storage = createDiskStorage({ dataDir });
const newKey = () => thumbnailKey(crypto.randomUUID());
const bytesOf = (size: number, value: number) => new Uint8Array(size).fill(value);

let minutes = 1;
const now = () => new Date(Date.now() + minutes * 60_000);
const bounds = { fileBytes: 100, bytes: 250 };
let cache: ReturnType<typeof createFileCache>;
const find = (key: string) => cache.find(key);
beforeEach(() => {
  minutes = 1;
  cache = createFileCache(storage, now, bounds);
});

/** Whether a second request for the file is answered from the cache. */
async function isCached(key: string): Promise<boolean> {
  const first = await find(key);
  return first !== undefined && (await find(key)) === first;
}

async function firstByte(key: string): Promise<number | undefined> {
  return (await (await find(key))?.content.bytes())?.[0];
}

test("a small file is read once", async () => {
  const key = newKey();
  await storage.put(key, bytesOf(100, 1));
  expect(await isCached(key)).toBe(true);
  expect(await firstByte(key)).toBe(1);
});

test("finding a file notices that another process replaced or removed it", async () => {
  const key = newKey();
  const other = createDiskStorage({ dataDir });
  await other.put(key, bytesOf(50, 1));
  expect(await isCached(key)).toBe(true);
  await other.put(key, bytesOf(50, 2));
  expect(await firstByte(key)).toBe(2);
  await other.remove(key);
  expect(await find(key)).toBeUndefined();
  await other.put(key, bytesOf(50, 3));
  expect(await firstByte(key)).toBe(3);
});

test("a cached file is recent for a second after it was found again", async () => {
  let at = Date.now() + 60_000;
  cache = createFileCache(storage, () => new Date(at), bounds);
  const key = newKey();
  await storage.put(key, bytesOf(50, 1));
  expect(cache.findRecent(key)).toBeUndefined();
  const file = await find(key);
  expect(cache.findRecent(key)).toBeUndefined();
  await find(key);
  at += 999;
  expect(cache.findRecent(key)).toBe(file);
  at += 1;
  expect(cache.findRecent(key)).toBeUndefined();
  at -= 3_600_000;
  expect(cache.findRecent(key)).toBeUndefined();
});

test("a file that this process removes is not recent any more", async () => {
  const key = newKey();
  await storage.put(key, bytesOf(50, 1));
  expect(await isCached(key)).toBe(true);
  expect(cache.findRecent(key)).toBeDefined();
  await cache.storage.remove(key);
  expect(cache.findRecent(key)).toBeUndefined();
});

test("a large file, or a file that was just written, is not cached", async () => {
  const [large, fresh] = [newKey(), newKey()];
  await storage.put(large, bytesOf(101, 1));
  expect(await isCached(large)).toBe(false);
  minutes = 0;
  await storage.put(fresh, bytesOf(10, 1));
  expect(await isCached(fresh)).toBe(false);
});

test("a file that is replaced after it was found is answered with its new content", async () => {
  const key = newKey();
  await storage.put(key, bytesOf(50, 1));
  const file = await storage.find(key);
  await storage.put(key, bytesOf(50, 2));
  const found = [file, await storage.find(key)];
  const racing = createFileCache({ ...storage, find: async () => found.shift() }, now, bounds);
  await racing.find(key);
  const again = await racing.find(key);
  expect(again?.revision).not.toBe(file?.revision);
  expect((await again!.content.bytes())[0]).toBe(2);
});

test("beyond its size limit the cache drops the least recently used file", async () => {
  const keys = [newKey(), newKey(), newKey()] as const;
  for (const key of keys) await storage.put(key, bytesOf(100, 1));
  const first = await find(keys[0]);
  const second = await find(keys[1]);
  expect(await find(keys[0])).toBe(first);
  await find(keys[2]);
  expect(await find(keys[0])).toBe(first);
  expect(await find(keys[1])).not.toBe(second);
});
