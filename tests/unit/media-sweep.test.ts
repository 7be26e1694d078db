import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskStorage } from "#media/storage/disk";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import { sweepFiles } from "#media/storage/sweep";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "media-sweep-"));
});
afterAll(() => rm(root, { recursive: true }));

const now = new Date("2026-06-01T12:00:00Z");
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

function createLibrary() {
  const dataDir = join(root, randomUUID());
  const storage = createDiskStorage({ dataDir });
  const rows = new Set<string>();
  const lookups: number[] = [];
  return {
    dataDir,
    storage,
    rows,
    lookups,
    /** Files of a photo with this age; without a row by default. */
    async add(age: number, hasRow = false): Promise<string> {
      const id = randomUUID();
      const original = originalKey({ kind: "uploaded", id, mimeType: "image/png" });
      for (const key of [original, thumbnailKey(id), previewKey(id)]) {
        await storage.put(key, Buffer.from("x"));
        await utimes(join(dataDir, key), minutesAgo(age), minutesAgo(age));
      }
      if (hasRow) rows.add(id);
      return id;
    },
    async addUnfinished(age: number): Promise<void> {
      const staged = await storage.stage("generated");
      await staged.receive(new Blob(["x"]).stream(), 1);
      await utimes(staged.path, minutesAgo(age), minutesAgo(age));
    },
    sweep: (photoCount = rows.size) =>
      sweepFiles({
        storage,
        now,
        photoCount,
        async knownIds(ids) {
          lookups.push(ids.length);
          return new Set(ids.filter((id) => rows.has(id)));
        },
      }),
    async filesLeft(): Promise<number> {
      let count = 0;
      for (const area of ["uploaded", "generated", "thumbnails"]) {
        for await (const _ of storage.list(`photos/${area}`)) count += 1;
      }
      return count;
    },
    async quarantined(): Promise<string[]> {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && entry.parentPath.includes(".quarantine"))
        .map((entry) => entry.name)
        .sort();
    },
  };
}

describe("the sweep", () => {
  test("quarantines all files of a photo without a row, and no others", async () => {
    const library = createLibrary();
    await library.add(90, true);
    const orphan = await library.add(90);
    expect(await library.sweep()).toEqual({
      checked: 6,
      unfinished: 0,
      orphans: 1,
      stopped: false,
    });
    expect(await library.quarantined()).toEqual(
      [`${orphan}.png`, `${orphan}.preview.webp`, `${orphan}.webp`].sort(),
    );
    expect(await library.filesLeft()).toBe(3);
    expect(await library.sweep()).toMatchObject({ orphans: 0 });
  });

  test("ignores files younger than an hour, whose row may not be written yet", async () => {
    const library = createLibrary();
    await library.add(59);
    await library.addUnfinished(59);
    expect(await library.sweep()).toEqual({
      checked: 0,
      unfinished: 0,
      orphans: 0,
      stopped: false,
    });
    expect(await library.filesLeft()).toBe(4);
  });

  test("quarantines unfinished files, however many there are", async () => {
    const library = createLibrary();
    for (let i = 0; i < 25; i += 1) await library.addUnfinished(61);
    expect(await library.sweep()).toMatchObject({ unfinished: 25, stopped: false });
    expect(await library.quarantined()).toHaveLength(25);
    expect(await library.filesLeft()).toBe(0);
  });

  test("never touches a file with an unknown name", async () => {
    const library = createLibrary();
    const id = await library.add(90, true);
    const folder = join(library.dataDir, "photos/uploaded", id.slice(-2));
    for (const name of ["notes.txt", ".gitkeep"]) {
      await writeFile(join(folder, name), "mine");
      await utimes(join(folder, name), minutesAgo(9000), minutesAgo(9000));
    }
    await library.sweep();
    expect(await library.quarantined()).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual([".gitkeep", `${id}.png`, "notes.txt"].sort());
  });

  test("stops when more than ten photos and one per cent lack a row, and touches none", async () => {
    const library = createLibrary();
    for (let i = 0; i < 11; i += 1) await library.add(90);
    expect(await library.sweep(1000)).toMatchObject({ orphans: 11, stopped: true });
    expect(await library.quarantined()).toEqual([]);
    expect(await library.filesLeft()).toBe(33);
    expect(await library.sweep(1100)).toMatchObject({ orphans: 11, stopped: false });
    expect(await library.quarantined()).toHaveLength(33);
  });

  test("quarantines up to ten photos in the smallest library", async () => {
    const library = createLibrary();
    for (let i = 0; i < 10; i += 1) await library.add(90);
    expect(await library.sweep(0)).toMatchObject({ orphans: 10, stopped: false });
  });

  test("queries rows in batches, and ends the walk when too many are missing", async () => {
    const library = createLibrary();
    for (let i = 0; i < 600; i += 1) await library.add(90);
    expect(await library.sweep(0)).toMatchObject({ checked: 500, stopped: true });
    expect(library.lookups).toEqual([500]);
  }, 60_000);

  test("finds nothing in a missing folder", async () => {
    expect(await createLibrary().sweep()).toMatchObject({ checked: 0, stopped: false });
  });
});
