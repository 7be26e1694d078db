import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isNotNull } from "drizzle-orm";
import postgres from "postgres";
import { loadConfig } from "#config";
import type { Database } from "#db/client";
import { withBackupLock } from "#db/backup/snapshot";
import { countMissingMigrations, findLastMigration, migrateTo } from "#db/migrations";
import { originalChecks } from "#db/schema/original-checks";
import { photos } from "#db/schema/photos";
import { backUp } from "#library/backup/back-up";
import { dumpDatabase } from "#library/backup/dump";
import type { BackupOptions, RestoreDeps } from "#library/backup/job";
import { createBackupPlaces } from "#library/backup/places";
import { restore } from "#library/backup/restore";
import { createStorage } from "#library/create-storage";
import { openLibrary } from "#library/open";
import { purgeByIds } from "#library/purge";
import { originalPath, originalsFile, wantedFile } from "#media/backup/names";
import type { BackupReader } from "#media/backup/reader";
import { prepareBackupStore } from "#media/backup/store";
import { sha256Of } from "#sha256";
import {
  backupsIn,
  configOf,
  createLibraryBench,
  lastBackup,
  type LibraryBench,
  manifestOf,
  rewriteManifest,
  storedIn,
  storedPath,
  type Target,
} from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import journal from "../../db/migrations/meta/_journal.json";

let bench: LibraryBench;
/** New for each test. */
let folder: string;
let made = 0;

beforeAll(async () => {
  bench = await createLibraryBench();
  await bench.storePhoto();
  await bench.storePhoto(undefined, { kind: "generated" });
}, 60_000);
beforeEach(() => {
  folder = bench.path(`backups-${(made += 1)}`);
});
afterAll(() => bench.close());

const places = createBackupPlaces(loadConfig({ DATABASE_URL: "postgres://not-used" }));
/** `meanwhile`: runs when the file of a new original was found, before it is copied. */
function backUpNow({
  meanwhile = async () => {},
  ...more
}: Partial<BackupOptions> & { meanwhile?: (path: string) => Promise<unknown> } = {}) {
  const { database, storage, dataDir, installation } = bench;
  return backUp(
    {
      database,
      storage: {
        ...storage,
        withLocalFile: (key, use) =>
          storage.withLocalFile(key, async (path) => {
            await meanwhile(path);
            return use(path);
          }),
      },
      backups: places,
      databaseUrl: database.url,
      dataDir,
      installationId: installation.id,
      galleryVersion: "0.0.0",
      now: () => new Date(),
    },
    { folder, trigger: "manual", keep: null, onProgress: () => {}, ...more },
  );
}

const once = <T>(work: () => Promise<T>) => {
  let done: Promise<T> | undefined;
  return () => (done ??= work());
};
const reasonOf = (work: Promise<unknown>) =>
  work.then(
    () => "it was done",
    (error: Error) => error.message,
  );
const faultsIn = ({ db }: Pick<Database, "db">) =>
  db.select().from(originalChecks).where(isNotNull(originalChecks.fault));
const lastRow = () => lastBackup(bench.database);

/** `beforeRows`: runs before the rows of each table are read. */
async function restoreTo(
  target: Target,
  {
    beforeRows = async () => {},
    ...more
  }: Partial<RestoreDeps> & { beforeRows?: () => Promise<void> } = {},
) {
  const store = await places.open(folder);
  const found = await store.read((await store.list()).at(-1)!);
  const reader: BackupReader = {
    ...found,
    async *unpack(file) {
      await beforeRows();
      yield* found.unpack(file);
    },
  };
  const deps = {
    database: target,
    databaseUrl: target.url,
    dataDir: target.dataDir,
    openStorage: () => createStorage(configOf(target)),
    now: () => new Date(),
    ...more,
  };
  return restore(deps, store, reader, { acceptsLosses: false, onProgress: () => {} });
}

/** Restores all but the last step, as when the process is killed before it. */
async function restoreHalf(target: Target): Promise<void> {
  let opened = 0;
  const openStorage = async () => {
    if ((opened += 1) > 1) throw new Error("killed");
    return createStorage(configOf(target));
  };
  expect(await reasonOf(restoreTo(target, { openStorage }))).toBe("killed");
}

const startOn = (target: Pick<Target, "url" | "dataDir" | "db">) =>
  reasonOf(openLibrary(target.db, configOf(target)));

describe("half a restore", () => {
  test("is not started, neither on its rows with another data folder nor on its files; the restore goes on with it", async () => {
    await backUpNow();
    const target = await bench.newTarget();
    await restoreHalf(target);
    expect(await target.db.$count(photos)).toBe(await bench.database.db.$count(photos));
    const elsewhere = bench.path("elsewhere");
    for (const dataDir of [target.dataDir, elsewhere]) {
      expect(await startOn({ ...target, dataDir })).toContain("A restore was not completed");
    }
    expect(await restoreTo(target)).toMatchObject({ isComplete: true });
    expect(await startOn(target)).toBe("it was done");
    await target.drop();
  }, 60_000);

  test("is not continued with another backup", async () => {
    await backUpNow();
    const target = await bench.newTarget();
    await restoreHalf(target);
    await backUpNow();
    expect(await reasonOf(restoreTo(target))).toContain("database is not empty");
    await target.drop();
  }, 60_000);
});

describe("a restored gallery", () => {
  test("knows its backup as complete, and which originals the library had lost before", async () => {
    const lost = await bench.storePhoto();
    await rm(bench.originalOf(lost));
    const { manifest } = await backUpNow();
    expect(await faultsIn(bench.database)).toMatchObject([{ photoId: lost.id, fault: "missing" }]);
    const target = await bench.newTarget();
    await restoreTo(target);
    expect(await lastBackup(target)).toMatchObject({
      name: manifest.name,
      status: "completed",
      missing: 1,
    });
    expect(await faultsIn(target)).toMatchObject([
      { photoId: lost.id, fault: "missing", isInBackup: false },
    ]);
    await target.drop();
    await purgeByIds(bench, { ids: [lost.id], now: new Date() });
  }, 60_000);

  test("keeps the secret of rented pods to its owner", async () => {
    await writeFile(join(bench.dataDir, "pod-secret"), "a secret");
    await backUpNow();
    const target = await bench.newTarget();
    await restoreTo(target);
    const copies = [
      join(folder, "backups", (await backupsIn(folder))[0]!, "pod-secret"),
      join(target.dataDir, "pod-secret"),
    ];
    for (const copy of copies) {
      expect(await Bun.file(copy).text()).toBe("a secret");
      expect((await stat(copy)).mode & 0o077).toBe(0);
    }
    await target.drop();
  }, 60_000);

  test.each([
    ["an empty database", () => bench.newTarget()],
    ["the database of a gallery that was never used", () => bench.newUnusedTarget()],
  ])(
    "of an earlier version, in %s, is loaded into its own schema, and has then the one of this version",
    async (_, makeTarget) => {
      const earlier = journal.entries.at(-2)!.when;
      const from = await createEmptyDatabase();
      await migrateTo(from, earlier);
      const installationId = bench.installation.id;
      await from.sql`insert into installation (id, cookie_secret) values (${installationId}, 'x')`;
      await from.sql`insert into albums (id, name) values (${crypto.randomUUID()}, 'Zürich')`;
      const store = await prepareBackupStore(folder, { installationId, expectsBackups: false });
      const draft = await store.begin("2026-11-30T03-10-00-000Z-0badc0de");
      const database = await withBackupLock(from.url, ({ readSnapshot }) =>
        readSnapshot((snapshot) => dumpDatabase(snapshot, draft)),
      );
      expect(database.migration).toBe(earlier);
      const none = Bun.file(draft.pathOf(wantedFile)).stream();
      const sums = { count: 0, bytes: 0, newCount: 0, newBytes: 0 };
      await draft.finish({
        format: 1,
        id: crypto.randomUUID(),
        name: "2026-11-30T03-10-00-000Z-0badc0de",
        createdAt: new Date().toISOString(),
        galleryVersion: "0.0.0",
        installationId,
        ...database,
        originals: { ...sums, file: await draft.compress(originalsFile, none) },
        dataFiles: [],
        missing: [],
        purged: [],
      });
      const target = await makeTarget();
      const loadedInto = new Set<number>();
      const beforeRows = async () => void loadedInto.add(await findLastMigration(target.db));
      expect(await restoreTo(target, { beforeRows })).toMatchObject({ isComplete: true });
      expect([...loadedInto]).toEqual([earlier]);
      expect(await countMissingMigrations(target.db)).toBe(0);
      expect(await target.sql`select name from albums`).toMatchObject([{ name: "Zürich" }]);
      await Promise.all([from.drop(), target.drop()]);
    },
    60_000,
  );
});

test("a backup of an earlier version that holds a table and a counter of another program is restored without them", async () => {
  const { manifest } = await backUpNow();
  const table = manifest.tables.find(({ name }) => name === "albums")!;
  await rewriteManifest(folder, ({ tables, counters }) => {
    tables.push({ ...table, name: "accounts" });
    counters.push({ sequence: "accounts_id_seq", last: "7" });
  });
  const target = await bench.newTarget();
  expect(await restoreTo(target)).toMatchObject({ isComplete: true });
  expect(await target.sql`select to_regclass('accounts')::text as there`).toMatchObject([
    { there: null },
  ]);
  await target.drop();
}, 60_000);

test.each(["gallery-api", "gallery-worker"])(
  "nothing is restored into a database on which %s runs",
  async (name) => {
    await backUpNow();
    const target = await bench.newTarget();
    const program = postgres(target.url, { max: 1, connection: { application_name: name } });
    await program`select 1`;
    expect(await reasonOf(restoreTo(target))).toContain("Stop its API and worker");
    expect(await target.sql`select to_regclass('photos')::text as there`).toMatchObject([
      { there: null },
    ]);
    await program.end();
    await target.drop();
  },
  60_000,
);

describe("a backup", () => {
  test("that has lost its lock is none: another one may have deleted what it names", async () => {
    const meanwhile = () =>
      bench.database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'gallery-backup'`.execute();
    expect(await reasonOf(backUpNow({ meanwhile }))).not.toBe("it was done");
    expect(await backupsIn(folder)).toEqual([]);
    expect(await lastRow()).toMatchObject({ status: "failed" });
  }, 60_000);

  test("of which one original could not be copied, for whatever reason, is none", async () => {
    let faults = 1;
    const meanwhile = async () => {
      if ((faults -= 1) === 0) throw new Error("a fault without a name");
    };
    expect(await reasonOf(backUpNow({ meanwhile }))).toBe("a fault without a name");
    expect(await backupsIn(folder)).toEqual([]);
    expect(await lastRow()).toMatchObject({ status: "failed" });
  }, 60_000);

  test("completes the deletion of a photo that is deleted permanently while its file is opened", async () => {
    const photo = await bench.storePhoto();
    const purge = once(() => purgeByIds(bench, { ids: [photo.id], now: new Date() }));
    const meanwhile = async (path: string) => {
      if (path === bench.originalOf(photo)) await purge();
    };
    expect((await backUpNow({ meanwhile })).manifest).toMatchObject({
      purged: [photo.id],
      missing: [],
    });
  }, 60_000);

  test("that is stopped at its last original is none", async () => {
    const stopping = new AbortController();
    const onProgress = (done: number, total: number) => {
      if (done === total) stopping.abort();
    };
    expect(await reasonOf(backUpNow({ onProgress, signal: stopping.signal }))).toContain("abort");
    expect(await backupsIn(folder)).toEqual([]);
    expect(await lastRow()).toMatchObject({ status: "failed", error: "It was stopped." });
  }, 60_000);

  test("names the migration of the tables that it read, also when the database is migrated meanwhile", async () => {
    const { sql } = bench.database;
    const meanwhile = () =>
      sql`
      insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9999999999999)`.execute();
    await backUpNow({ meanwhile });
    await sql`delete from drizzle.__drizzle_migrations where hash = 'later'`;
    expect((await manifestOf(folder)).migration).toBe(journal.entries.at(-1)!.when);
  }, 60_000);

  test("tells no secret in its manifest", async () => {
    await writeFile(join(bench.dataDir, "pod-secret"), "a-secret-of-pods");
    await backUpNow();
    const text = JSON.stringify(await manifestOf(folder));
    const [{ cookie_secret: secret }] = (await bench.database
      .sql`select cookie_secret from installation`) as unknown as [{ cookie_secret: string }];
    for (const each of ["a-secret-of-pods", secret, bench.database.url, bench.dataDir]) {
      expect(text).not.toContain(each);
    }
  }, 60_000);

  test("does not take a volume that is unmounted meanwhile for lost originals", async () => {
    const area = join(bench.dataDir, "photos/uploaded");
    const meanwhile = async () => {
      await rename(area, `${area}-away`);
      await mkdir(area);
    };
    await bench.storePhoto();
    const reason = await reasonOf(backUpNow({ meanwhile: once(meanwhile) }));
    await rm(area, { recursive: true });
    await rename(`${area}-away`, area);
    expect(reason).toContain("mount its volume again");
    expect(await backupsIn(folder)).toEqual([]);
    expect(await faultsIn(bench.database)).toEqual([]);
  }, 60_000);

  test("that is kept keeps its originals, also those that newer ones do not have", async () => {
    await backUpNow();
    const gone = await bench.storePhoto();
    await backUpNow();
    await purgeByIds(bench, { ids: [gone.id], now: new Date() });
    expect((await backUpNow({ keep: 2 })).removed).toHaveLength(1);
    expect(await storedIn(folder)).toContain(gone.contentHash!);
  }, 60_000);

  test("that cannot be read keeps the originals of all from being deleted", async () => {
    const gone = await bench.storePhoto();
    await backUpNow();
    await purgeByIds(bench, { ids: [gone.id], now: new Date() });
    const { manifest: second } = await backUpNow();
    await writeFile(join(folder, "backups", second.name, "manifest.json"), "damaged");
    expect((await backUpNow({ keep: 2 })).removed).toHaveLength(1);
    expect(await storedIn(folder)).toContain(gone.contentHash!);
  }, 60_000);

  test("deletes nothing that it did not write, whatever its name, neither when it clears up nor with the oldest backup", async () => {
    const gone = await bench.storePhoto();
    const { manifest: oldest } = await backUpNow();
    await purgeByIds(bench, { ids: [gone.id], now: new Date() });
    await backUpNow();
    const other = "2020-01-01T00-00-00-000Z-0badc0de";
    const another = "2020-01-02T00-00-00-000Z-0badc0de";
    const [hash, alsoHash] = ["ab".repeat(32), "cd".repeat(32)];
    const foreign = [
      "notes.txt",
      "backups/mine",
      `backups/${oldest.name}/notes.txt`,
      `backups/${other}/notes.txt`,
      `backups/${another}`,
      "originals/ab/readme",
      `originals/ab/${hash}`,
      `originals/cd/${alsoHash}/notes.txt`,
      "originals/ef.txt",
      "unfinished/mine",
      "unfinished/holiday.part",
      `unfinished/${crypto.randomUUID()}.part/notes.txt`,
      `unfinished/${other}/notes.txt`,
      `unfinished/${another}`,
    ];
    for (const path of foreign) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), "mine");
    }
    expect((await backUpNow({ keep: 1 })).removed).toHaveLength(2);
    for (const path of foreign) {
      const text = await readFile(join(folder, path), "utf8").catch(() => "deleted");
      expect([path, text]).toEqual([path, "mine"]);
    }
    expect(await storedIn(folder)).not.toContain(gone.contentHash!);
    expect(await readdir(join(folder, "backups", oldest.name))).toEqual(["notes.txt"]);
    expect(await (await places.open(folder)).list()).toHaveLength(1);
    expect(await reasonOf(restoreTo(await bench.newTarget()))).toBe("it was done");
  }, 60_000);

  test("deletes what died ones left: their files, half copies, and originals that no backup names", async () => {
    await backUpNow();
    const died = "2020-01-01T00-00-00-000Z-0badc0de";
    const bytes = crypto.getRandomValues(new Uint8Array(500));
    const left = [
      `unfinished/${died}/photos.copy.gz`,
      `unfinished/${died}/${wantedFile}`,
      `unfinished/${crypto.randomUUID()}.part`,
      originalPath(sha256Of(bytes)),
    ];
    for (const path of left) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    await backUpNow({ keep: 1 });
    for (const path of left) {
      expect([path, await Bun.file(join(folder, path)).exists()]).toEqual([path, false]);
    }
    expect(await readdir(join(folder, "unfinished"))).toEqual([]);
  }, 60_000);

  test("copies a stored original again whose copy has another length", async () => {
    const photo = await bench.storePhoto();
    await backUpNow();
    const copy = storedPath(folder, photo);
    await writeFile(copy, "half");
    const { manifest } = await backUpNow();
    expect(manifest.originals.newCount).toBe(1);
    expect(await Bun.file(copy).bytes()).toEqual(await Bun.file(bench.originalOf(photo)).bytes());
    expect(await storedIn(folder)).toContain(photo.contentHash!);
  }, 60_000);
});
