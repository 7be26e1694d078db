import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import type { Database } from "#db/client";
import { insertEvents } from "#db/queries/events/events";
import { events } from "#db/schema/events";
import { originalChecks } from "#db/schema/original-checks";
import { type Photo, photos } from "#db/schema/photos";
import { settings } from "#db/schema/settings";
import { storageMoves } from "#db/schema/storage-moves";
import { openLibrary } from "#library/open";
import { sha256Of } from "#sha256";
import {
  backupsIn,
  configOf,
  createLibraryBench,
  type LibraryBench,
  manifestOf,
  rewriteManifest,
  storedPath,
  type Target,
} from "#tests/support/backups";
import { createTestDatabase } from "#tests/support/database";
import { insertAlbum } from "#tests/support/rows";
import { mountSmallDisk } from "#tests/support/small-disk";
import { until } from "#tests/support/wait";

let bench: LibraryBench;
/** A whole backup of `kept`, which no test changes. */
let whole: string;
let kept: Photo[];
/** The rows of the backup. */
let expected: Record<string, string[]>;
let made = 0;

beforeAll(async () => {
  bench = await createLibraryBench();
  kept = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      bench.storePhoto(undefined, {
        kind: at % 2 === 0 ? "uploaded" : "generated",
        title: `Tab\t, line\nbreak, \\N and ünicode ${at}`,
        ...(at === 3 && { deletedAt: new Date() }),
      }),
    ),
  );
  const { db } = bench.database;
  await insertAlbum(db, [kept[0]!.id, kept[1]!.id], "Zürich");
  await db
    .insert(settings)
    .values({ name: "backend.max_month_cost_usd", value: sql`'null'::jsonb` });
  await db.transaction((tx) =>
    insertEvents(tx, [{ type: "photo.created", sessionId: null, data: { photo_id: kept[0]!.id } }]),
  );
  // Of the library that was backed up: a restored one is where its settings say.
  const move = { source: "disk", target: "s3", status: "cancelled" } as const;
  await db.insert(storageMoves).values({ id: crypto.randomUUID(), ...move, startedAt: new Date() });
  await writeFile(join(bench.dataDir, "pod-secret"), "a secret");
  expected = await rowsOf(bench.database);
  whole = bench.path("whole");
  const backup = await bench.run({ verb: "backup", folder: whole, keep: null });
  if (backup.code !== 0) throw new Error(backup.output);
}, 60_000);
afterAll(() => bench.close());

async function copyOfWhole(): Promise<string> {
  const folder = bench.path(`copy-${(made += 1)}`);
  await cp(whole, folder, { recursive: true });
  return folder;
}

const restoreFrom = (
  folder: string,
  target: Target,
  more: { acceptsLosses?: boolean; backup?: string } = {},
) => bench.run({ verb: "restore", folder, backup: null, acceptsLosses: false, ...more }, target);
const check = (folder: string) => bench.run({ verb: "check", folder, backup: null });

const open = (target: Target) => openLibrary(target.db, configOf(target));
const refusalOf = (target: Target) =>
  open(target).then(
    () => "it starts",
    (error: Error) => error.message,
  );

const markerOf = ({ dataDir }: Target) =>
  Bun.file(join(dataDir, "photos/.installation"))
    .text()
    .catch(() => null);

/** Every row of every logged table, without those that a restore changes. */
async function rowsOf({ db }: Pick<Database, "db">): Promise<Record<string, string[]>> {
  const tables = await db.execute<{ name: string }>(sql`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace
      and relkind = 'r' and relpersistence = 'p' and relname not in ('backups', 'original_checks', 'storage_moves')
    order by 1`);
  const rows: Record<string, string[]> = {};
  for (const { name } of tables) {
    const found = await db.execute<{ row: string }>(
      sql`select t::text as row from ${sql.identifier(name)} as t order by 1`,
    );
    rows[name] = found.map(({ row }) => row);
  }
  return rows;
}

async function expectWhole(target: Target): Promise<void> {
  expect(await rowsOf(target)).toEqual(expected);
  for (const photo of kept) {
    const bytes = await Bun.file(bench.originalOf(photo, target.dataDir)).bytes();
    expect(sha256Of(bytes)).toBe(photo.contentHash!);
  }
  expect(await Bun.file(join(target.dataDir, "pod-secret")).text()).toBe("a secret");
  expect(await target.db.$count(storageMoves)).toBe(0);
  const { installation } = await open(target);
  expect(installation.id).toBe(bench.installation.id);
}

describe("a restore", () => {
  test("into an empty place brings back every row and every byte, and the gallery starts on it", async () => {
    const target = await bench.newTarget();
    expect(await restoreFrom(whole, target)).toMatchObject({ code: 0 });
    await expectWhole(target);
    await target.drop();
  }, 60_000);

  test("into a gallery that was never used takes its place", async () => {
    const target = await bench.newUnusedTarget();
    expect(await restoreFrom(whole, target)).toMatchObject({ code: 0 });
    await expectWhole(target);
    await target.drop();
  }, 60_000);

  test("gives no id of an event again that was given after the backup", async () => {
    const target = await bench.newTarget();
    await restoreFrom(whole, target);
    const [last] = await bench.database.db
      .select()
      .from(events)
      .orderBy(sql`id desc`)
      .limit(1);
    await target.db.transaction((tx) =>
      insertEvents(tx, [
        { type: "photo.created", sessionId: null, data: { photo_id: kept[0]!.id } },
      ]),
    );
    const [next] = await target.db
      .select()
      .from(events)
      .orderBy(sql`id desc`)
      .limit(1);
    expect(next!.id).toBeGreaterThan(last!.id + 100_000);
    await target.drop();
  }, 60_000);

  test("completes the deletion of a photo that was deleted permanently during the backup", async () => {
    const folder = await copyOfWhole();
    const gone = kept[5]!;
    await rewriteManifest(folder, (manifest) => manifest.purged.push(gone.id));
    const target = await bench.newTarget();
    expect(await restoreFrom(folder, target)).toMatchObject({ code: 0 });
    const left = await target.db.select().from(photos).where(eq(photos.id, gone.id));
    expect(left.filter(({ purgedAt }) => purgedAt === null)).toEqual([]);
    expect(await Bun.file(bench.originalOf(gone, target.dataDir)).exists()).toBe(false);
    await target.drop();
  }, 60_000);

  test("chooses the newest backup, or the named one", async () => {
    const folder = await copyOfWhole();
    const [first = ""] = await backupsIn(folder);
    const target = await bench.newTarget();
    const { code, output } = await restoreFrom(folder, target, { backup: "yesterday" });
    expect(code).toBe(1);
    expect(output).toContain(first);
    expect(await restoreFrom(folder, target, { backup: first })).toMatchObject({ code: 0 });
    await target.drop();
  }, 60_000);
});

describe("what was there is kept", () => {
  test("a database with an owner's rows is refused and unchanged", async () => {
    const target = { ...(await createTestDatabase()), dataDir: bench.path("empty") };
    await insertAlbum(target.db, [], "Mine");
    const before = await rowsOf(target);
    const { code, output } = await restoreFrom(whole, target);
    expect([code, output]).toEqual([1, expect.stringContaining("database is not empty")]);
    expect(await rowsOf(target)).toEqual(before);
    expect(await markerOf(target)).toBeNull();
    await target.drop();
  }, 60_000);

  test.each([
    ["alone", () => bench.newTarget()],
    ["beside a gallery that was never used", () => bench.newUnusedTarget()],
  ])(
    "a database with tables of another program, %s, is refused and unchanged",
    async (_, make) => {
      const target = await make();
      await target.db.execute(sql`create table accounts (id int)`);
      await target.db.execute(sql`insert into accounts values (7)`);
      expect((await restoreFrom(whole, target)).output).toContain("database is not empty");
      expect([...(await target.db.execute(sql`select id from accounts`))]).toEqual([{ id: 7 }]);
      await target.drop();
    },
    60_000,
  );

  test("tables of another program in another schema stay as they are", async () => {
    const target = await bench.newUnusedTarget();
    await target.db.execute(sql`create schema other`);
    for (const name of ["accounts", "photos"]) {
      await target.db.execute(sql`create table other.${sql.identifier(name)} (id int)`);
      await target.db.execute(sql`insert into other.${sql.identifier(name)} values (7)`);
    }
    expect(await restoreFrom(whole, target)).toMatchObject({ code: 0 });
    await expectWhole(target);
    const found = await target.db.execute(
      sql`select a.id as account, p.id as photo from other.accounts a, other.photos p`,
    );
    expect([...found]).toEqual([{ account: 7, photo: 7 }]);
    await target.drop();
  }, 60_000);

  test("a data folder with photos is refused and unchanged", async () => {
    const target = await bench.newTarget();
    const mine = join(target.dataDir, "photos/uploaded/ab");
    await mkdir(mine, { recursive: true });
    await writeFile(join(mine, "mine.jpg"), "mine");
    const { code, output } = await restoreFrom(whole, target);
    expect([code, output]).toEqual([1, expect.stringContaining("already holds photos")]);
    const left = await readdir(join(target.dataDir, "photos"), { recursive: true });
    expect(left.toSorted()).toEqual(["uploaded", "uploaded/ab", "uploaded/ab/mine.jpg"]);
    const [{ there } = { there: "" }] = await target.db.execute<{ there: string | null }>(
      sql`select to_regclass('photos')::text as there`,
    );
    expect(there).toBeNull();
    await target.drop();
  }, 60_000);
});

describe("an interrupted restore", () => {
  test("killed while it copies: nothing starts on it, and the command goes on with it", async () => {
    const target = await bench.newTarget();
    const running = bench.start(
      { verb: "restore", folder: whole, backup: null, acceptsLosses: false },
      target,
    );
    await until(
      "a restored original",
      async () =>
        (await readdir(join(target.dataDir, "photos"), { recursive: true }).catch(() => [])).some(
          (name) => name.endsWith(".png"),
        ),
      30_000,
      undefined,
      5,
    );
    running.child.kill("SIGKILL");
    expect((await running.ended()).output).not.toContain("Restored;");
    expect(await markerOf(target)).toStartWith("restoring ");
    expect(await restoreFrom(whole, target)).toMatchObject({ code: 0 });
    await expectWhole(target);
    await target.drop();
  }, 60_000);

  test("killed between the rows and the end: nothing starts on it, and the command completes it", async () => {
    const target = await bench.newTarget();
    await restoreFrom(whole, target);
    // As the restore leaves both until its last step.
    const { id } = await manifestOf(whole);
    await target.db.execute(sql`update installation set restoring_backup_id = ${id}::uuid`);
    expect(await refusalOf(target)).toContain("A restore was not completed");
    await writeFile(join(target.dataDir, "photos/.installation"), `restoring ${id}\n`);
    expect(await refusalOf(target)).toContain("A restore was not completed");
    await target.db.execute(sql`update installation set restoring_backup_id = null`);
    expect(await refusalOf(target)).toContain("A restore was not completed");
    await target.db.execute(sql`update installation set restoring_backup_id = ${id}::uuid`);
    expect(await restoreFrom(whole, target)).toMatchObject({ code: 0 });
    await expectWhole(target);
    await target.drop();
  }, 60_000);

  test("on a full disk: it says so, nothing starts on it, and the command goes on with it once there is room", async () => {
    const disk = await mountSmallDisk(8);
    const target = { ...(await bench.newTarget()), dataDir: join(disk.path, "data") };
    // Not for its first file; then for some of the originals.
    for (const leftBytes of [0, 100_000]) {
      await disk.fill(leftBytes);
      const { code, output } = await restoreFrom(whole, target);
      expect([code, output]).toEqual([1, expect.stringContaining("no room left for photos")]);
      await disk.empty();
    }
    expect(await refusalOf(target)).not.toBe("it starts");
    expect(await markerOf(target)).toStartWith("restoring ");
    const copied = (
      await Promise.all(
        kept.map(async (photo) => {
          const file = Bun.file(bench.originalOf(photo, target.dataDir));
          if (!(await file.exists())) return [];
          const hash = new Bun.CryptoHasher("sha256").update(await file.bytes()).digest("hex");
          expect(hash).toBe(photo.contentHash!);
          return [photo];
        }),
      )
    ).flat();
    // Also what was damaged since is restored.
    await writeFile(bench.originalOf(copied[0]!, target.dataDir), "other bytes");
    expect(copied.length).toBeGreaterThan(0);
    expect(copied.length).toBeLessThan(kept.length);
    expect(await restoreFrom(whole, target)).toMatchObject({ code: 0 });
    await expectWhole(target);
    await target.drop();
    await disk.unmount();
  }, 60_000);

  test("is not taken up with another backup", async () => {
    const target = await bench.newTarget();
    await restoreFrom(whole, target);
    await target.db.execute(sql`update installation set restoring_backup_id = gen_random_uuid()`);
    expect((await restoreFrom(whole, target)).code).toBe(1);
    expect(await target.db.$count(photos)).toBe(kept.length);
    await target.drop();
  }, 60_000);
});

describe("a damaged backup", () => {
  test("a whole one is called whole, and the check changes nothing", async () => {
    const content = async () => (await readdir(whole, { recursive: true })).toSorted();
    const before = await content();
    expect(await check(whole)).toEqual({
      code: 0,
      output: expect.stringContaining("The backup is whole"),
    });
    expect(await content()).toEqual(before);
  }, 60_000);

  test("lost and changed originals are named; they are only given up on request, and the owner finds them later", async () => {
    const folder = await copyOfWhole();
    const [lost, changed] = [kept[0]!, kept[1]!];
    await rm(storedPath(folder, lost));
    await writeFile(storedPath(folder, changed), new Uint8Array(changed.fileSize!));
    const checked = await check(folder);
    expect(checked.code).toBe(1);
    expect(checked.output).toContain(`${lost.id}  missing`);
    expect(checked.output).toContain(`${changed.id}  damaged`);

    const target = await bench.newTarget();
    const refused = await restoreFrom(folder, target);
    expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("--accept-losses")]);
    expect(await markerOf(target)).toStartWith("restoring ");
    expect(await restoreFrom(folder, target, { acceptsLosses: true })).toMatchObject({ code: 0 });
    expect(await refusalOf(target)).toBe("it starts");
    const faults = await target.db.select().from(originalChecks);
    expect(
      faults.filter(({ fault }) => fault !== null).map(({ photoId, fault }) => [photoId, fault]),
    ).toEqual(
      expect.arrayContaining([
        [lost.id, "missing"],
        [changed.id, "damaged"],
      ]),
    );
    await target.drop();
  }, 60_000);

  test("a truncated manifest, and one that was changed, is refused before anything is written", async () => {
    const folder = await copyOfWhole();
    const [name = ""] = await backupsIn(folder);
    const manifest = join(folder, "backups", name, "manifest.json");
    const target = await bench.newTarget();
    const text = await Bun.file(manifest).text();
    for (const damaged of [text.replace('"format": 1', '"format": 1 '), text.slice(0, 500)]) {
      await writeFile(manifest, damaged);
      for (const answer of [await check(folder), await restoreFrom(folder, target)]) {
        expect(answer).toEqual({ code: 1, output: expect.stringContaining("missing or damaged") });
      }
    }
    expect(await markerOf(target)).toBeNull();
    await target.drop();
  }, 60_000);

  test("a damaged or missing table is refused before anything is written", async () => {
    const folder = await copyOfWhole();
    const [name = ""] = await backupsIn(folder);
    await rm(join(folder, "backups", name, "albums.copy.gz"));
    await truncate(join(folder, "backups", name, "photos.copy.gz"), 100);
    const target = await bench.newTarget();
    const { code, output } = await restoreFrom(folder, target);
    expect([code, output]).toEqual([1, expect.stringContaining("albums.copy.gz, photos.copy.gz")]);
    expect((await check(folder)).code).toBe(1);
    expect(await markerOf(target)).toBeNull();
    await target.drop();
  }, 60_000);

  test("a folder without backups is no backup", async () => {
    const { code, output } = await check(bench.path("nothing"));
    expect([code, output]).toEqual([1, expect.stringContaining("holds no backups")]);
  }, 60_000);

  test("a backup of a newer version is refused with its version", async () => {
    const folder = await copyOfWhole();
    await rewriteManifest(folder, (manifest) => {
      manifest.migration += 1_000;
      manifest.galleryVersion = "9.1.0";
    });
    const target = await bench.newTarget();
    expect(await restoreFrom(folder, target)).toEqual({
      code: 1,
      output: expect.stringContaining("newer version of the gallery (9.1.0)"),
    });
    await target.drop();
  }, 60_000);
});
