import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDiskStorage } from "#media/storage/disk";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import { createObjectStore } from "#media/storage/s3/object-store";
import { createS3Storage } from "#media/storage/s3/storage";
import type { Storage } from "#media/storage/storage";
import { createTwoPlaceStorage } from "#media/storage/two-places";
import { sha256Of } from "#sha256";
import { startObjectStore } from "#tests/support/object-store";

let dataDir: string;
let bucket: Awaited<ReturnType<typeof startObjectStore>>;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gallery-storage-"));
  bucket = await startObjectStore();
});
afterAll(async () => {
  await bucket.stop();
  await rm(dataDir, { recursive: true });
});

const newOriginal = () =>
  originalKey({ kind: "uploaded", id: randomUUID(), mimeType: "image/png" });

async function* chunksOf(...chunks: Uint8Array[]) {
  yield* chunks;
}

async function keysBelow(storage: Storage, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of storage.list(prefix)) found.push(key);
  return found.toSorted();
}

const onDisk = (folder: string) => createDiskStorage({ dataDir: join(dataDir, folder) });
const inBucket = (folder: string) =>
  createS3Storage({
    store: createObjectStore({ ...bucket.access, prefix: `${bucket.access.prefix}${folder}/` }),
    dataDir: join(dataDir, `bucket-${folder}`),
    cacheBytes: 64 * 1024 ** 2,
  });
const moving = (first: Storage, other: Storage): Storage => ({
  ...createTwoPlaceStorage({
    forReading: () => ({ first, other }),
    forWriting: () => ({ first, other }),
  }),
  // As `openLibrary` does.
  requireMarkers(id) {
    for (const storage of [first, other]) storage.requireMarkers(id);
  },
});

const drivers: Record<string, (folder: string) => Storage> = {
  "on a disk": onDisk,
  "in a bucket": inBucket,
  "on its way to a bucket": (folder) => moving(inBucket(`to-${folder}`), onDisk(`from-${folder}`)),
};

describe.each(Object.entries(drivers))("the library %s", (_, open) => {
  test("keeps a received file, byte for byte, and reads any part of it", async () => {
    const storage = open("received");
    const parts = [randomBytes(70_000), randomBytes(1), randomBytes(200_000)];
    const whole = Buffer.concat(parts);
    const key = newOriginal();
    await using staged = await storage.stage("uploaded");
    const received = await staged.receive(chunksOf(...parts), 1_000_000);
    expect(received).toEqual({ bytes: whole.length, contentHash: sha256Of(whole) });
    await storage.commit(staged, key);

    const found = await storage.find(key);
    expect(found?.bytes).toBe(whole.length);
    expect(sha256Of(await found!.content.bytes())).toBe(sha256Of(whole));
    expect(await found!.content.slice(70_000, 70_001).bytes()).toEqual(new Uint8Array(parts[1]!));
    const streamed = new Response(found!.content.slice(69_999, 70_002).stream());
    expect(await streamed.bytes()).toEqual(new Uint8Array(whole.subarray(69_999, 70_002)));
    const local = await storage.withLocalFile(key, (path) => Bun.file(path).bytes());
    expect(sha256Of(local!)).toBe(sha256Of(whole));
  });

  test("has no file before it was committed, and none after an abort", async () => {
    const storage = open("aborted");
    const key = newOriginal();
    const staged = await storage.stage("uploaded");
    await staged.receive(chunksOf(randomBytes(10)), 10);
    expect(await storage.find(key)).toBeUndefined();
    await staged.abort();
    expect(await keysBelow(storage, "photos/uploaded")).toEqual([]);
  });

  test("takes the same content for a key once more, as a repeated attempt sends it", async () => {
    const storage = open("repeated");
    const key = newOriginal();
    const bytes = randomBytes(5_000);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await using staged = await storage.stage("uploaded");
      await staged.receive(chunksOf(bytes), 5_000);
      await storage.commit(staged, key);
    }
    expect(await keysBelow(storage, "photos/uploaded")).toEqual([key]);
  });

  test("a derivative that is written again has the later bytes, also for a reader of the earlier ones", async () => {
    const storage = open("rewritten");
    const key = thumbnailKey(randomUUID());
    await storage.put(key, Buffer.from("first, and longer"));
    expect(await (await storage.find(key))?.content.text()).toBe("first, and longer");
    await storage.put(key, Buffer.from("second"));
    expect(await (await storage.find(key))?.content.text()).toBe("second");
    await storage.write(key, async (path) => {
      await Bun.write(path, "third");
      return true;
    });
    expect(await (await storage.find(key))?.content.text()).toBe("third");
    await storage.write(key, async () => false);
    expect(await (await storage.find(key))?.content.text()).toBe("third");
  });

  test("a missing file is undefined for find and withLocalFile, and removing it is no error", async () => {
    const storage = open("missing");
    expect(await storage.find(newOriginal())).toBeUndefined();
    expect(await storage.withLocalFile(newOriginal(), async () => "used")).toBeUndefined();
    await storage.remove(newOriginal());
  });

  test("the hash of a stored file is known without a copy of it", async () => {
    const storage = open("hashed");
    const key = previewKey(randomUUID());
    const bytes = randomBytes(200_000);
    await storage.put(key, bytes);
    let chunks = 0;
    expect(await storage.hash(key, () => (chunks += 1))).toBe(sha256Of(bytes));
    expect(chunks).toBeGreaterThan(0);
    expect(await storage.hash(newOriginal())).toBeUndefined();
  });

  test("a removed file is gone at once", async () => {
    const storage = open("removed");
    const key = previewKey(randomUUID());
    await storage.put(key, Buffer.from("x"));
    expect(await (await storage.find(key))?.content.text()).toBe("x");
    await storage.remove(key);
    expect(await storage.find(key)).toBeUndefined();
  });

  test("lists complete and unfinished files, without quarantined ones", async () => {
    const storage = open("listed");
    const keys = [thumbnailKey(randomUUID()), previewKey(randomUUID())].toSorted();
    for (const key of keys) await storage.put(key, Buffer.from("x"));
    await using staged = await storage.stage("uploaded");
    await staged.receive(chunksOf(randomBytes(1)), 1);
    const unfinished = `photos/uploaded/.incoming/${staged.path.split("/").at(-1)}`;
    expect(await keysBelow(storage, "photos/thumbnails")).toEqual(keys);
    expect(await keysBelow(storage, "photos/uploaded")).toEqual([unfinished]);
    expect(await keysBelow(storage, "photos/generated")).toEqual([]);

    const later = new Date(Date.now() + 60_000);
    expect(await storage.quarantine(keys[0]!, later)).toBe(true);
    expect(await storage.quarantine(unfinished, later)).toBe(true);
    expect(await keysBelow(storage, "photos/thumbnails")).toEqual([keys[1]!]);
    expect(await keysBelow(storage, "photos/uploaded")).toEqual([]);
    expect(await storage.find(keys[0]!)).toBeUndefined();
  });

  test("a file that was written since it was checked is not quarantined", async () => {
    const storage = open("rechecked");
    const key = thumbnailKey(randomUUID());
    await storage.put(key, Buffer.from("x"));
    expect(await storage.quarantine(key, new Date(Date.now() - 60_000))).toBe(false);
    expect(await (await storage.find(key))?.content.text()).toBe("x");
  });

  test("knows the installation that it belongs to", async () => {
    const storage = open("marked");
    expect(await storage.readMarker()).toBeUndefined();
    await storage.writeMarker("one-installation");
    expect(await storage.readMarker()).toBe("one-installation");
  });

  test("a library whose marker is another one's takes no file", async () => {
    const storage = open("exchanged");
    await storage.writeMarker("another-installation");
    storage.requireMarkers("this-installation");
    const refused = await storage.put(thumbnailKey(randomUUID()), Buffer.from("x")).then(
      () => "stored",
      (error: { code: string }) => error.code,
    );
    expect(refused).toBe("storage_error");
    expect(await keysBelow(storage, "photos/thumbnails")).toEqual([]);
    expect(await storage.findUnmountedArea()).toBeDefined();
  });

  test("never leaves its areas", async () => {
    const storage = open("inside");
    for (const key of ["photos/uploaded/../../x", "/etc/passwd", "photos/uploaded//x", "photos"]) {
      const outcome = await (async () => storage.remove(key))().then(
        () => "removed",
        () => "refused",
      );
      expect(outcome).toBe("refused");
    }
  });
});

describe("a library on its way", () => {
  const bytes = new Uint8Array(randomBytes(1_000));

  test("is read where a file is, and its files are deleted in both places, also when one fails", async () => {
    const [first, other] = [inBucket("way"), onDisk("way")];
    const storage = moving(first, other);
    const key = newOriginal();
    await other.put(key, bytes);
    expect((await storage.find(key))?.bytes).toBe(1_000);
    expect(await storage.hash(key)).toBe(sha256Of(bytes));
    expect(await storage.withLocalFile(key, (path) => Bun.file(path).bytes())).toEqual(bytes);
    await first.put(key, bytes);
    await storage.remove(key);
    expect([await first.find(key), await other.find(key)]).toEqual([undefined, undefined]);

    await other.put(key, bytes);
    const broken = moving({ ...first, remove: () => Promise.reject(new Error("away")) }, other);
    const fault = await broken.remove(key).catch((error: Error) => error.message);
    expect(fault).toBe("away");
    expect(await other.find(key)).toBeUndefined();
  });

  test("takes what was staged before the switch", async () => {
    const folder = join(dataDir, "switch");
    const before = createDiskStorage({ dataDir: folder });
    const after = createS3Storage({
      store: createObjectStore({ ...bucket.access, prefix: `${bucket.access.prefix}switch/` }),
      dataDir: folder,
      cacheBytes: 64 * 1024 ** 2,
    });
    for (const [from, to] of [
      [before, after],
      [after, before],
    ] as const) {
      const key = newOriginal();
      await using staged = await from.stage("uploaded");
      await staged.receive(chunksOf(bytes), 2_000);
      await to.commit(staged, key);
      expect(await to.hash(key)).toBe(sha256Of(bytes));
      expect(await from.hash(key)).toBeUndefined();
    }
  });
});
