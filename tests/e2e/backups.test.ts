import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { desc, sql } from "drizzle-orm";
import { backups } from "#db/schema/backups";
import { events } from "#db/schema/events";
import { settings } from "#db/schema/settings";
import { purgeByIds } from "#library/purge";
import {
  backupsIn,
  createLibraryBench,
  lastBackup,
  type LibraryBench,
  manifestOf,
  storedIn,
} from "#tests/support/backups";
import { mountSmallDisk } from "#tests/support/small-disk";
import { until } from "#tests/support/wait";

let bench: LibraryBench;
let folder: string;
let made = 0;

beforeAll(async () => {
  bench = await createLibraryBench();
}, 60_000);
beforeEach(() => {
  folder = bench.path(`backups-${(made += 1)}`);
});
afterAll(() => bench.close());

const backUp = (keep: number | null = null) => bench.run({ verb: "backup", folder, keep });
const lastRow = () => lastBackup(bench.database);
const lastEvent = async () => {
  const [row] = await bench.database.db.select().from(events).orderBy(desc(events.id));
  return row;
};

/** Starts a backup and stops its process in the midst of copying `amount` new originals. */
async function stopMidway(amount: number) {
  const photos = await Promise.all(Array.from({ length: amount }, () => bench.storePhoto()));
  const running = bench.start({ verb: "backup", folder, keep: null });
  await until(
    "a copied original",
    async () => {
      if (running.child.exitCode !== null) throw new Error((await running.ended()).output);
      return (await storedIn(folder)).length > 3;
    },
    30_000,
    undefined,
    5,
  );
  running.child.kill("SIGSTOP");
  await until("a process that stands still", async () => {
    const ps = Bun.spawn(["ps", "-o", "stat=", "-p", String(running.child.pid)]);
    return (await new Response(ps.stdout).text()).startsWith("T");
  });
  const stored = new Set(await storedIn(folder));
  expect(await backupsIn(folder)).toEqual([]);
  // In the order of the backup: the first ones are being copied.
  const left = photos
    .filter(({ contentHash }) => !stored.has(contentHash!))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(left.length).toBeGreaterThan(10);
  return { ...running, photos, left };
}

describe("a backup", () => {
  test("holds every original once, and the next one copies only what is new", async () => {
    const twin = crypto.getRandomValues(new Uint8Array(500));
    const [first] = [
      await bench.storePhoto(twin),
      await bench.storePhoto(twin, { kind: "generated" }),
    ];
    expect(await backUp()).toMatchObject({ code: 0 });
    const { originals, tables } = await manifestOf(folder);
    expect(originals.count).toBeGreaterThanOrEqual(2);
    expect(tables.find(({ name }) => name === "photos")?.rows).toBe(originals.count);
    expect(await storedIn(folder)).toContain(first.contentHash!);
    const added = await bench.storePhoto();
    expect(await backUp()).toMatchObject({ code: 0 });
    expect((await manifestOf(folder)).originals).toMatchObject({
      count: originals.count + 1,
      newCount: 1,
      newBytes: added.fileSize!,
    });
    expect(await lastRow()).toMatchObject({
      status: "completed",
      trigger: "manual",
      originals: originals.count + 1,
      newOriginals: 1,
      missing: 0,
      error: null,
    });
    expect(await lastEvent()).toMatchObject({ type: "backup.completed" });
  }, 60_000);

  test("can be read by its owner only", async () => {
    await backUp();
    expect((await stat(folder)).mode & 0o077).toBe(0);
  }, 30_000);

  test("says which originals were nowhere, keeps all others, and exits with 1", async () => {
    const [lost, damaged] = [await bench.storePhoto(), await bench.storePhoto()];
    await rm(bench.originalOf(lost));
    await writeFile(bench.originalOf(damaged), "other bytes");
    const { code, output } = await backUp();
    expect(code).toBe(1);
    expect(output).toContain(`${lost.id}  missing`);
    expect(output).toContain(`${damaged.id}  damaged`);
    expect(
      (await manifestOf(folder)).missing.toSorted((a, b) => (a.fault < b.fault ? 1 : -1)),
    ).toEqual([
      { id: lost.id, fault: "missing" },
      { id: damaged.id, fault: "damaged" },
    ]);
    expect(await lastRow()).toMatchObject({ status: "completed", missing: 2 });
    const checked = await bench.run({ verb: "check", folder, backup: null });
    expect([checked.code, checked.output]).toEqual([0, expect.stringContaining("every hash")]);
    expect(checked.output).toContain(`${lost.id}  missing`);
    await purgeByIds(bench, { ids: [lost.id, damaged.id], now: new Date() });
  }, 60_000);

  test("deletes the oldest beyond the number to keep, with the originals that only they had, and nothing foreign", async () => {
    const [gone, kept] = [await bench.storePhoto(), await bench.storePhoto()];
    await backUp();
    await purgeByIds(bench, { ids: [gone.id], now: new Date() });
    await backUp();
    const foreign = ["notes.txt", "backups/mine", "originals/ab/readme", "unfinished/mine"];
    for (const name of foreign) {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await writeFile(join(folder, name), "mine");
    }
    expect(await storedIn(folder)).toContain(gone.contentHash!);
    expect(await backUp(2)).toMatchObject({ code: 0 });
    expect((await backupsIn(folder)).filter((name) => name !== "mine")).toHaveLength(2);
    expect(await storedIn(folder)).not.toContain(gone.contentHash!);
    expect(await storedIn(folder)).toContain(kept.contentHash!);
    expect(await bench.run({ verb: "check", folder, backup: null })).toMatchObject({ code: 0 });
    for (const name of foreign) expect(await Bun.file(join(folder, name)).text()).toBe("mine");
    const rows = await bench.database.db.select().from(backups);
    expect(rows.filter((row) => row.folder === folder && row.removedAt !== null)).toHaveLength(1);
  }, 90_000);

  test("keeps the originals of all backups when one of them cannot be read", async () => {
    const gone = await bench.storePhoto();
    await backUp();
    await purgeByIds(bench, { ids: [gone.id], now: new Date() });
    await backUp();
    const [, second = ""] = await backupsIn(folder);
    await writeFile(join(folder, "backups", second, "originals.tsv.gz"), "damaged");
    expect(await backUp(2)).toMatchObject({ code: 0 });
    expect(await storedIn(folder)).toContain(gone.contentHash!);
  }, 90_000);

  test("is not written below the data folder, with which it would be lost", async () => {
    folder = join(bench.dataDir, "backups");
    expect(await backUp()).toEqual({ code: 1, output: expect.stringContaining("lost with it") });
    expect(await Bun.file(join(folder, "gallery-backups.json")).exists()).toBe(false);
  }, 30_000);

  test("is not written to a folder of another gallery, to a folder with other files, or to an unmounted one", async () => {
    await mkdir(folder);
    await writeFile(join(folder, "holiday.jpg"), "mine");
    expect((await backUp()).output).toContain("not empty and holds no backups");
    await rm(join(folder, "holiday.jpg"));
    await backUp();
    const marker = join(folder, "gallery-backups.json");
    const own = await Bun.file(marker).text();
    await writeFile(marker, JSON.stringify({ format: 1, installation_id: crypto.randomUUID() }));
    expect((await backUp()).output).toContain("backups of another gallery");
    await writeFile(marker, own);
    await rm(folder, { recursive: true });
    await mkdir(folder);
    expect((await backUp()).output).toContain("Is its volume mounted?");
    expect(await readdir(folder)).toEqual([]);
    expect(await lastRow()).toMatchObject({ status: "failed" });
    expect(await lastEvent()).toMatchObject({ type: "backup.failed" });
  }, 90_000);
});

describe("beside other work", () => {
  test("a photo that is deleted permanently during a backup is deleted in it, too", async () => {
    const { child, ended, left } = await stopMidway(300);
    const ids = left.slice(-5).map(({ id }) => id);
    await purgeByIds(bench, { ids, now: new Date() });
    child.kill("SIGCONT");
    expect(await ended()).toMatchObject({ code: 0 });
    const { purged, missing } = await manifestOf(folder);
    expect([purged.toSorted(), missing]).toEqual([ids.toSorted(), []]);
  }, 90_000);

  test("a photo that arrives during a backup is in the next one, row and bytes", async () => {
    const { child, ended } = await stopMidway(300);
    const late = await bench.storePhoto();
    child.kill("SIGCONT");
    expect(await ended()).toMatchObject({ code: 0 });
    expect(await storedIn(folder)).not.toContain(late.contentHash!);
    expect(await backUp()).toMatchObject({ code: 0 });
    expect(await storedIn(folder)).toContain(late.contentHash!);
  }, 90_000);

  test("every table is read as of one moment: a row that comes while earlier tables are read is not in it", async () => {
    const { db } = bench.database;
    const before = await db.$count(settings);
    const running = await db.transaction(async (tx) => {
      await tx.execute(sql`lock table albums in access exclusive mode`);
      const started = bench.start({ verb: "backup", folder, keep: null });
      await until("a backup that waits for an earlier table", async () => {
        const waiting = await db.execute(
          sql`select 1 from pg_locks where not granted and relation = 'albums'::regclass`,
        );
        return waiting.length > 0;
      });
      await tx.insert(settings).values({ name: "backend.mode", value: "local" });
      return started;
    });
    expect(await running.ended()).toMatchObject({ code: 0 });
    const { tables } = await manifestOf(folder);
    expect(tables.find(({ name }) => name === "settings")?.rows).toBe(before);
  }, 60_000);

  test("of two at once, the second one says that the first runs", async () => {
    const { child, ended } = await stopMidway(300);
    const second = await backUp();
    expect([second.code, second.output]).toEqual([1, expect.stringContaining("under way")]);
    child.kill("SIGCONT");
    expect(await ended()).toMatchObject({ code: 0 });
    expect(await lastRow()).toMatchObject({ status: "completed" });
  }, 90_000);
});

describe("an interrupted backup", () => {
  test("killed midway is none, says so in its row, and the next one goes on with what was copied", async () => {
    const { child, photos, left } = await stopMidway(300);
    child.kill("SIGKILL");
    await child.exited;
    expect(await backupsIn(folder)).toEqual([]);
    expect(await backUp()).toMatchObject({ code: 0 });
    const { originals } = await manifestOf(folder);
    expect(originals.newCount).toBeGreaterThanOrEqual(left.length);
    expect(originals.newCount).toBeLessThan(originals.count);
    expect(originals.count).toBeGreaterThanOrEqual(photos.length);
    expect(await readdir(join(folder, "unfinished"))).toEqual([]);
    const rows = (await bench.database.db.select().from(backups)).filter(
      (row) => row.folder === folder,
    );
    expect(rows.map(({ status }) => status).toSorted()).toEqual(["completed", "failed"]);
  }, 90_000);

  test("stopped by a signal leaves nothing unfinished and says so", async () => {
    const { child, ended } = await stopMidway(300);
    child.kill("SIGTERM");
    child.kill("SIGCONT");
    expect(await ended()).toEqual({ code: 1, output: expect.stringContaining("stopped") });
    expect([await backupsIn(folder), await readdir(join(folder, "unfinished"))]).toEqual([[], []]);
    expect(await lastRow()).toMatchObject({ status: "failed", error: "It was stopped." });
  }, 90_000);

  test("on a full disk says so, leaves no backup, and the next one goes on once there is room", async () => {
    const disk = await mountSmallDisk(32);
    folder = join(disk.path, "backups");
    const photos = await Promise.all(
      Array.from({ length: 100 }, () =>
        bench.storePhoto(crypto.getRandomValues(new Uint8Array(30_000))),
      ),
    );
    // Not for its first file; then for the rows and some of the originals.
    for (const leftBytes of [0, 1_500_000]) {
      await disk.fill(leftBytes);
      const { code, output } = await backUp();
      expect([code, output]).toEqual([1, expect.stringContaining("no room left for the backup")]);
      expect(await backupsIn(folder)).toEqual([]);
      expect(await lastRow()).toMatchObject({
        status: "failed",
        error: expect.stringContaining("no room left"),
      });
      await disk.empty();
    }
    expect(await readdir(join(folder, "unfinished"))).toEqual([]);
    const stored = await storedIn(folder);
    expect(stored.length).toBeGreaterThan(0);
    expect(await backUp()).toMatchObject({ code: 0 });
    const { originals } = await manifestOf(folder);
    expect(originals.newCount).toBeLessThanOrEqual(originals.count - stored.length);
    expect(await storedIn(folder)).toEqual(
      expect.arrayContaining(photos.map(({ contentHash }) => contentHash!)),
    );
    expect(await bench.run({ verb: "check", folder, backup: null })).toMatchObject({ code: 0 });
    await disk.unmount();
  }, 90_000);
});
