import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "#errors";
import { createDiskStorage } from "#media/storage/disk";
import { ingestImage } from "#media/pictures/ingest";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import { removePhotoFiles, storePhotoFiles } from "#media/storage/photo-files";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import type { Storage } from "#media/storage/storage";
import { plain } from "#tests/fixtures/pictures";

let dataDir: string;
let bytes: Buffer;
const decodeLimits = { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 30 };

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "media-files-"));
  bytes = await plain(64, 64, "red").png().toBuffer();
});
afterAll(() => rm(dataDir, { recursive: true }));

const freshStorage = () => createDiskStorage({ dataDir: join(dataDir, randomUUID()) });

async function keysOf(storage: Storage): Promise<string[]> {
  const keys: string[] = [];
  for (const area of ["uploaded", "generated", "thumbnails"]) {
    for await (const { key } of storage.list(`photos/${area}`)) keys.push(key);
  }
  return keys.sort();
}

async function receive(storage: Storage) {
  const staged = await storage.stage("uploaded");
  async function* body() {
    yield bytes;
  }
  const received = await staged.receive(body(), 1_000_000);
  const image = await ingestImage({ path: staged.path, ...received }, decodeLimits);
  return { staged, image };
}

const photo = () => ({ kind: "uploaded", id: randomUUID() }) as const;

function allKeys({ id }: { id: string }): string[] {
  const original = originalKey({ kind: "uploaded", id, mimeType: "image/png" });
  return [original, previewKey(id), thumbnailKey(id)].sort();
}

test("a photo's three files are stored, the original unchanged; storing them again is harmless", async () => {
  const storage = freshStorage();
  const one = photo();
  for (let time = 0; time < 2; time += 1) {
    const { staged, image } = await receive(storage);
    await storePhotoFiles(storage, one, staged, image);
    expect(await keysOf(storage)).toEqual(allKeys(one));
  }
  const original = await storage.find(originalKey({ ...one, mimeType: "image/png" }));
  expect(Buffer.from(await original!.content.bytes()).equals(bytes)).toBe(true);
});

test("removing a photo's files removes all of them, and may be repeated", async () => {
  const storage = freshStorage();
  const one = photo();
  const { staged, image } = await receive(storage);
  await storePhotoFiles(storage, one, staged, image);
  for (let time = 0; time < 2; time += 1) {
    await removePhotoFiles(storage, { ...one, mimeType: "image/png" });
    expect(await keysOf(storage)).toEqual([]);
  }
});

test("if the original exists, its derivatives exist", async () => {
  const disk = freshStorage();
  const one = photo();
  let before: string[] = [];
  const watched: Storage = {
    ...disk,
    async commit(staged, key) {
      before = await keysOf(disk);
      await disk.commit(staged, key);
    },
  };
  const { staged, image } = await receive(watched);
  await storePhotoFiles(watched, one, staged, image);
  expect(before).toContain(previewKey(one.id));
  expect(before).toContain(thumbnailKey(one.id));
});

const full = new AppError({ kind: "storage_full", code: "storage_error", message: "full" });
test.each([
  [
    "preview",
    (disk: Storage): Partial<Storage> => ({
      put: (key, data) =>
        key.endsWith(".preview.webp") ? Promise.reject(full) : disk.put(key, data),
    }),
  ],
  [
    "thumbnail",
    (disk: Storage): Partial<Storage> => ({
      put: (key, data) =>
        key.endsWith(".preview.webp") ? disk.put(key, data) : Promise.reject(full),
    }),
  ],
  ["original", (): Partial<Storage> => ({ commit: () => Promise.reject(full) })],
])("a disk that is full at the %s leaves no file of the photo", async (_, fault) => {
  const disk = freshStorage();
  const storage = { ...disk, ...fault(disk) };
  {
    const { staged, image } = await receive(storage);
    await using _staged = staged;
    const outcome = await storePhotoFiles(storage, photo(), staged, image).catch((error) => error);
    expect(outcome).toBe(full);
  }
  expect(await keysOf(disk)).toEqual([]);
});
