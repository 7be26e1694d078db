import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "#errors";
import { createDiskStorage } from "#media/storage/disk";
import { originalKey, parseKey, previewKey, thumbnailKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";
import { sha256Of } from "#sha256";

let dataDir: string;
let storage: Storage;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "media-disk-"));
  storage = createDiskStorage({ dataDir });
});
afterAll(() => rm(dataDir, { recursive: true }));

const newKey = () => originalKey({ kind: "uploaded", id: randomUUID(), mimeType: "image/png" });

async function* chunksOf(...chunks: Uint8Array[]) {
  yield* chunks;
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("did not fail");
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

async function keysBelow(from: Storage, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of from.list(prefix)) found.push(key);
  return found.sort();
}

describe("the disk storage", () => {
  test("stores a stream's content, and returns its size and hash", async () => {
    const parts = [randomBytes(70_000), randomBytes(1), randomBytes(200_000)];
    const whole = Buffer.concat(parts);
    const key = newKey();
    await using staged = await storage.stage("uploaded");
    const received = await staged.receive(chunksOf(...parts), 1_000_000);
    await storage.commit(staged, key);

    expect(received).toEqual({
      bytes: whole.length,
      contentHash: sha256Of(whole),
    });
    const stored = await storage.find(key);
    expect(stored?.bytes).toBe(whole.length);
    expect(Buffer.from(await stored!.content.bytes()).equals(whole)).toBe(true);
    expect(await stored!.content.slice(70_000, 70_001).bytes()).toEqual(new Uint8Array(parts[1]!));
  });

  test("accepts a file of exactly the limit and refuses one byte more, leaving no file", async () => {
    const own = createDiskStorage({ dataDir: join(dataDir, "limit") });
    await using fits = await own.stage("uploaded");
    expect((await fits.receive(chunksOf(randomBytes(600), randomBytes(400)), 1000)).bytes).toBe(
      1000,
    );
    await fits.abort();
    await using exceeds = await own.stage("uploaded");
    const error = await failureOf(
      exceeds.receive(chunksOf(randomBytes(600), randomBytes(401)), 1000),
    );
    expect(error).toMatchObject({ kind: "too_large", code: "payload_too_large" });
    expect(await filesBelow(join(dataDir, "limit"))).toEqual([]);
  });

  test("a stream that fails leaves no file, and its error reaches the caller", async () => {
    const own = createDiskStorage({ dataDir: join(dataDir, "cut") });
    const staged = await own.stage("uploaded");
    async function* cut() {
      yield randomBytes(100);
      throw new Error("connection cut");
    }
    expect(
      await staged.receive(cut(), 1000).then(
        () => "received",
        (error: Error) => error.message,
      ),
    ).toBe("connection cut");
    expect(await filesBelow(join(dataDir, "cut"))).toEqual([]);
  });

  test("an aborted file is removed, a committed one survives a late abort", async () => {
    const own = createDiskStorage({ dataDir: join(dataDir, "abort") });
    const key = newKey();
    const aborted = await own.stage("uploaded");
    await aborted.receive(chunksOf(randomBytes(10)), 10);
    await aborted.abort();
    await aborted.abort();
    expect(await filesBelow(join(dataDir, "abort"))).toEqual([]);

    const kept = await own.stage("uploaded");
    await kept.receive(chunksOf(randomBytes(10)), 10);
    await own.commit(kept, key);
    await kept.abort();
    expect(await keysBelow(own, "photos/uploaded")).toEqual([key]);
  });

  test("reads the next chunk only when the last one is written", async () => {
    await using staged = await storage.stage("uploaded");
    const sizesSeen: number[] = [];
    async function* watched() {
      for (let i = 0; i < 5; i += 1) {
        yield randomBytes(1000);
        sizesSeen.push((await stat(staged.path)).size);
      }
    }
    await staged.receive(watched(), 10_000);
    expect(sizesSeen).toEqual([1000, 2000, 3000, 4000, 5000]);
  });

  test("a key written again has the later bytes", async () => {
    const key = thumbnailKey(randomUUID());
    await storage.put(key, Buffer.from("first, and longer"));
    await storage.put(key, Buffer.from("second"));
    expect(await (await storage.find(key))?.content.text()).toBe("second");
  });

  test("a reader gets the old file or the new one, never a part", async () => {
    const key = previewKey(randomUUID());
    const versions = [Buffer.alloc(300_000, "a"), Buffer.alloc(300_000, "b")];
    await storage.put(key, versions[0]!);
    let isWriting = true;
    const writer = (async () => {
      for (let i = 0; i < 20; i += 1) await storage.put(key, versions[i % 2]!);
      isWriting = false;
    })();
    let reads = 0;
    while (isWriting) {
      const bytes = Buffer.from(await (await storage.find(key))!.content.bytes());
      expect(versions.some((version) => version.equals(bytes))).toBe(true);
      reads += 1;
    }
    await writer;
    expect(reads).toBeGreaterThan(0);
  });

  test("a process killed while it writes leaves complete files and unfinished ones in their own folder", async () => {
    const own = join(dataDir, "killed");
    const size = 400_000;
    const program = `
      import { createDiskStorage } from "#media/storage/disk";
      import { thumbnailKey } from "#media/storage/keys";
      const storage = createDiskStorage({ dataDir: process.argv[1] });
      const write = async () => {
        for (;;) {
          await storage.put(thumbnailKey(crypto.randomUUID()), Buffer.alloc(${size}, "x"));
          console.log("put");
        }
      };
      await Promise.all([write(), write(), write()]);`;
    const writer = Bun.spawn([process.execPath, "--no-env-file", "-e", program, own], {
      cwd: join(import.meta.dir, "../.."),
      stdout: "pipe",
    });
    let written = "";
    for await (const chunk of writer.stdout) {
      written += Buffer.from(chunk).toString();
      if (written.split("\n").length > 10) writer.kill("SIGKILL");
    }
    await writer.exited;
    expect(writer.signalCode).toBe("SIGKILL");

    let whole = 0;
    for await (const { key, bytes } of createDiskStorage({ dataDir: own }).list(
      "photos/thumbnails",
    )) {
      const part = parseKey(key)?.part;
      if (part === "incoming") continue;
      expect(part).toBe("thumbnail");
      expect(bytes).toBe(size);
      whole += 1;
    }
    expect(whole).toBeGreaterThanOrEqual(10);
  });

  test("a missing file is undefined for find and withLocalFile, and removing it is no error", async () => {
    expect(await storage.find(newKey())).toBeUndefined();
    expect(await storage.withLocalFile(newKey(), async () => "lent")).toBeUndefined();
    await storage.remove(newKey());
  });

  test("lists files of every depth with their age, without quarantined ones", async () => {
    const own = createDiskStorage({ dataDir: join(dataDir, "list") });
    const keys = [thumbnailKey(randomUUID()), previewKey(randomUUID())].sort();
    for (const key of keys) await own.put(key, Buffer.from("x"));
    await using staged = await own.stage("uploaded");
    await staged.receive(chunksOf(randomBytes(1)), 1);
    expect(await keysBelow(own, "photos/thumbnails")).toEqual(keys);
    expect(await keysBelow(own, "photos/uploaded")).toEqual([
      `photos/uploaded/.incoming/${staged.path.split("/").at(-1)}`,
    ]);
    expect(await keysBelow(own, "photos/generated")).toEqual([]);

    expect(await own.quarantine(keys[0]!, new Date(Date.now() + 1000))).toBe(true);
    expect(await keysBelow(own, "photos/thumbnails")).toEqual([keys[1]!]);
    expect(await filesBelow(join(dataDir, "list/photos/thumbnails/.quarantine"))).toEqual([
      keys[0]!.split("/").at(-1)!,
    ]);
  });

  test("a file that was rewritten since it was checked is not quarantined", async () => {
    const key = thumbnailKey(randomUUID());
    await storage.put(key, Buffer.from("x"));
    const path = join(dataDir, key);
    await utimes(path, new Date(1000), new Date(1000));
    const judgedAt = new Date(2000);
    await storage.put(key, Buffer.from("again"));
    expect(await storage.quarantine(key, judgedAt)).toBe(false);
    expect(await (await storage.find(key))?.content.text()).toBe("again");
  });

  test("a new folder has no marker, and a written marker is read back", async () => {
    const own = createDiskStorage({ dataDir: join(dataDir, "marker") });
    expect(await own.readMarker()).toBeUndefined();
    await own.writeMarker("one-installation");
    expect(await own.readMarker()).toBe("one-installation");
  });

  test("two processes that mark a new folder at once both succeed, and leave only the marker", async () => {
    const folder = join(dataDir, "marked-at-once");
    const own = createDiskStorage({ dataDir: folder });
    await Promise.all(Array.from({ length: 20 }, () => own.writeMarker("one-installation")));
    expect(await own.readMarker()).toBe("one-installation");
    expect(await readdir(join(folder, "photos"))).toEqual([".installation"]);
  });

  test("reports the free space, also before its first file", async () => {
    const own = createDiskStorage({ dataDir: join(dataDir, "room") });
    expect(await own.freeBytes()).toBeGreaterThan(0);
  });

  test("a full disk is a storage_error whose message has no path", async () => {
    const full = Object.assign(new Error(`ENOSPC: write '${dataDir}'`), { code: "ENOSPC" });
    const { storageFault } = await import("#media/storage/faults");
    const error = storageFault(full);
    expect(error).toMatchObject({ kind: "storage_full", code: "storage_error", cause: full });
    expect(error.message).not.toContain("/");
  });

  test("any other file system error has no path either", async () => {
    const blocked = join(dataDir, "blocked");
    await Bun.write(blocked, "a file where a folder should be");
    const error = await failureOf(createDiskStorage({ dataDir: blocked }).stage("uploaded"));
    expect(error).toMatchObject({ kind: "internal", code: "server_error" });
    expect(error.message).not.toContain(dataDir);
  });

  test("never leaves its areas", () => {
    for (const key of ["photos/uploaded/../../x", "/etc/passwd", "photos/uploaded//x", "photos"]) {
      expect(() => storage.remove(key)).toThrow();
    }
  });
});
