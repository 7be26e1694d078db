import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { desc, eq } from "drizzle-orm";
import { backups } from "#db/schema/backups";
import { events } from "#db/schema/events";
import { originalChecks } from "#db/schema/original-checks";
import { type Photo, photos } from "#db/schema/photos";
import { putBackFromBackup } from "#library/integrity/repair";
import { verifyAll, verifySlice } from "#library/integrity/verify";
import { openLibrary } from "#library/open";
import { purgeByIds } from "#library/purge";
import { loadConfig } from "#config";
import type { BackupStore } from "#media/backup/store";
import { originalKey } from "#media/storage/keys";
import { sha256Of } from "#sha256";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { backupsIn, createBackupCommands, storedPath } from "#tests/support/backups";
import { insertPhoto } from "#tests/support/rows";

let bench: ActivityBench;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gallery-backups-"));
  bench = await createActivityBench({ BACKUP_TO: folder, BACKUP_KEEP: "2" });
  const config = loadConfig({ DATABASE_URL: bench.url, DATA_DIR: bench.dataDir });
  await openLibrary(bench.db, config);
}, 60_000);
beforeEach(async () => {
  await bench.db.delete(photos);
});
afterEach(() => {
  bench.clock.now = null;
});
afterAll(async () => {
  await bench.close();
  await rm(folder, { recursive: true });
});

const keyOf = ({ id, kind, mimeType }: Photo) => originalKey({ id, kind, mimeType: mimeType! });
const pathOf = (photo: Photo) => join(bench.dataDir, keyOf(photo));

async function storePhoto(): Promise<Photo> {
  const bytes = crypto.getRandomValues(new Uint8Array(500));
  const contentHash = sha256Of(bytes);
  const photo = await insertPhoto(bench.db, { fileSize: bytes.byteLength, contentHash });
  await bench.storage.put(keyOf(photo), bytes);
  return photo;
}

const backUp = () => bench.run("backUpLibrary", {});
const verify = () => bench.run("verifyOriginals", {});
const checkOf = async (photo: Photo) =>
  (await bench.db.select().from(originalChecks).where(eq(originalChecks.photoId, photo.id)))[0];
const eventsOf = async (type: string) =>
  (
    await bench.db
      .select()
      .from(events)
      .where(eq(events.type, type as "backup.completed"))
  ).map(({ data }) => data);

describe("the nightly backup", () => {
  test("copies the library, keeps so many backups as configured, and has a row and an event", async () => {
    const [photo] = [await storePhoto(), await storePhoto()];
    const first = await backUp();
    expect(first).toMatchObject({ originals: 2, missing: 0 });
    await backUp();
    await backUp();
    expect(await backupsIn(folder)).toHaveLength(2);
    expect(await backupsIn(folder)).not.toContain(first!.name);
    expect(await Bun.file(storedPath(folder, photo)).exists()).toBe(true);
    const rows = await bench.db.select().from(backups).orderBy(desc(backups.startedAt));
    expect(
      rows.map(({ status, trigger, removedAt }) => [status, trigger, removedAt !== null]),
    ).toEqual([
      ["completed", "schedule", false],
      ["completed", "schedule", false],
      ["completed", "schedule", true],
    ]);
    expect(await eventsOf("backup.completed")).toHaveLength(3);
  }, 60_000);

  test("that fails says why in its row and its event", async () => {
    const marker = join(folder, "gallery-backups.json");
    const own = await Bun.file(marker).text();
    await writeFile(marker, JSON.stringify({ format: 1, installation_id: crypto.randomUUID() }));
    const failure = await backUp().catch((error: Error) => error);
    expect(failure).toMatchObject({ message: expect.stringContaining("another gallery") });
    const [row] = await bench.db.select().from(backups).orderBy(desc(backups.startedAt)).limit(1);
    expect(row).toMatchObject({
      status: "failed",
      error: expect.stringContaining("another gallery"),
    });
    expect(await eventsOf("backup.failed")).toEqual([
      { backup_id: row!.id, name: row!.name, trigger: "schedule", error: row!.error },
    ]);
    await writeFile(marker, own);
  }, 60_000);

  test("that died between its last rename and its row is complete", async () => {
    await storePhoto();
    const backup = await backUp();
    const running = { status: "running", endedAt: null } as const;
    await bench.db.update(backups).set(running).where(eq(backups.name, backup!.name));
    await backUp();
    const [row] = await bench.db.select().from(backups).where(eq(backups.name, backup!.name));
    expect(row).toMatchObject({ status: "completed", originals: 1 });
  }, 60_000);

  test("reads what earlier ones stored again within 28 days, and replaces what its disk has damaged", async () => {
    const photo = await storePhoto();
    await backUp();
    const path = storedPath(folder, photo);
    await writeFile(path, new Uint8Array(photo.fileSize!));
    for (let day = 1; day <= 28; day += 1) {
      bench.clock.now = new Date(Date.UTC(2020, 0, day));
      await backUp();
    }
    const hash = sha256Of(await Bun.file(path).bytes());
    expect(hash).toBe(photo.contentHash!);
  }, 90_000);

  test("ends when its run is cancelled or its worker stops", async () => {
    await storePhoto();
    const before = await backupsIn(folder);
    const { result, cancel } = bench.start("backUpLibrary", {});
    cancel();
    expect(await result.catch((error: Error) => error.name)).toBe("CancelledFailure");
    expect(await backupsIn(folder)).toEqual(before);
    const [row] = await bench.db.select().from(backups).orderBy(desc(backups.startedAt)).limit(1);
    expect(row).toMatchObject({ status: "failed" });
  }, 60_000);

  test("is kept when the clock was set back, although others seem newer", async () => {
    await backUp();
    await backUp();
    bench.clock.now = new Date(Date.UTC(2020, 5, 1));
    const backup = await backUp();
    expect(await backupsIn(folder)).toHaveLength(2);
    expect(await backupsIn(folder)).toContain(backup!.name);
  }, 60_000);

  test("holds the secret of rented pods", async () => {
    await writeFile(join(bench.dataDir, "pod-secret"), "a secret");
    const backup = await backUp();
    const copy = Bun.file(join(folder, "backups", backup!.name, "pod-secret"));
    expect(await copy.text()).toBe("a secret");
  }, 60_000);
});

describe("the nightly check of originals", () => {
  test("reads a share of the library each night, those first that were not read for the longest time", async () => {
    const all = await Promise.all(Array.from({ length: 30 }, storePhoto));
    const seen: number[] = [];
    for (let night = 0; night < 15; night += 1) {
      bench.clock.now = new Date(Date.UTC(2030, 0, night + 1));
      expect(await verify()).toEqual({ checked: 2, faulty: 0 });
      seen.push(await bench.db.$count(originalChecks));
    }
    expect(seen.at(-1)).toBe(all.length);
    bench.clock.now = new Date(Date.UTC(2030, 1, 1));
    await verify();
    const again = await bench.db
      .select()
      .from(originalChecks)
      .where(eq(originalChecks.checkedAt, bench.clock.now));
    expect(again).toHaveLength(2);
  }, 60_000);

  test("reports a damaged and a missing original once, and whether a backup has the right bytes", async () => {
    const saved = await storePhoto();
    await backUp();
    await rm(pathOf(saved));
    expect(await verify()).toEqual({ checked: 1, faulty: 1 });
    expect(await verify()).toEqual({ checked: 1, faulty: 1 });
    expect(await checkOf(saved)).toMatchObject({ fault: "missing", isInBackup: true });
    const unsaved = await storePhoto();
    await writeFile(pathOf(unsaved), "other bytes");
    expect(await verify()).toEqual({ checked: 1, faulty: 1 });
    expect(await checkOf(unsaved)).toMatchObject({ fault: "damaged", isInBackup: false });
    expect(await eventsOf("photo.original_damaged")).toEqual([
      { photo_id: saved.id, fault: "missing", is_in_backup: true },
      { photo_id: unsaved.id, fault: "damaged", is_in_backup: false },
    ]);
  }, 60_000);

  test("goes on without the folder of backups, and does not say what is in it", async () => {
    const photo = await storePhoto();
    await backUp();
    await rm(pathOf(photo));
    await rename(folder, `${folder}-away`);
    expect(await verify()).toEqual({ checked: 1, faulty: 1 });
    await rename(`${folder}-away`, folder);
    expect(await checkOf(photo)).toMatchObject({ fault: "missing", isInBackup: null });
  }, 60_000);

  test("forgets a fault whose original was put back", async () => {
    const photo = await storePhoto();
    const bytes = await Bun.file(pathOf(photo)).bytes();
    await rm(pathOf(photo));
    await verify();
    await bench.storage.put(keyOf(photo), bytes);
    await verify();
    expect(await checkOf(photo)).toMatchObject({ fault: null, faultFoundAt: null });
  }, 60_000);
});

test("a share, and the whole library, is compared to its end, however large", async () => {
  // Without files: each row counts as compared.
  await bench.sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status)
    select gen_random_uuid(), 'uploaded', 'a.png', 'image/png', 1, 1, 1, md5(n::text) || md5(n::text), 'completed'
    from generate_series(1, ${28 * 101}) as n`;
  expect(await verify()).toMatchObject({ checked: 101 });
  const work = {
    database: bench,
    storage: bench.storage,
    now: () => new Date(),
    backups: null,
    onProgress: () => {},
  };
  expect(await verifyAll(work, { repairs: false })).toMatchObject({ checked: 28 * 101 });
}, 60_000);

describe("a photo that is deleted permanently while originals are compared", () => {
  /** Photos of more than one page of rows, all but the first without a file. */
  async function storeMany(first: Photo): Promise<void> {
    const after = Array.from({ length: 120 }, (_, n) =>
      insertPhoto(bench.db, {
        id: `ffffffff-ffff-7fff-bfff-${n.toString(16).padStart(12, "0")}`,
        fileSize: 1,
        contentHash: sha256Of(`${first.id} ${n}`),
      }),
    );
    await Promise.all(after);
  }
  const lastId = `ffffffff-ffff-7fff-bfff-${(119).toString(16).padStart(12, "0")}`;

  /** `beforeLast`: runs when all others were compared and their results stored, but for those of the last page. */
  const storageWith = (beforeLast: () => Promise<unknown>) => ({
    ...bench.storage,
    async hash(...[key, onChunk]: Parameters<typeof bench.storage.hash>) {
      if (key.includes(lastId)) await beforeLast();
      return bench.storage.hash(key, onChunk);
    },
  });
  const usual = { now: () => new Date(), backups: null, onProgress: () => {} };

  test.each([
    [
      "./gallery verify",
      (storage: typeof bench.storage) =>
        verifyAll({ ...usual, database: bench, storage }, { repairs: false }),
    ],
    [
      "the nightly check",
      async (storage: typeof bench.storage) => {
        await bench.db.delete(originalChecks);
        // A share of a library of this size is less than a page of rows.
        const copies = 28 * 121 - 121;
        await bench.sql`
          insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status)
          select gen_random_uuid(), 'uploaded', 'later.png', 'image/png', 1, 1, 1, md5(n::text) || md5(n::text), 'completed'
          from generate_series(1, ${copies}) as n`;
        await bench.sql`
          insert into original_checks (photo_id, checked_at)
          select id, now() - interval '1 day' from photos where filename = 'later.png'`;
        return verifySlice({ ...usual, database: bench, storage });
      },
    ],
  ])(
    "is reported neither as lost nor as compared by %s",
    async (_, run) => {
      const photo = await storePhoto();
      await rm(pathOf(photo));
      await storeMany(photo);
      let faultBefore: string | null | undefined;
      const beforeLast = async () => {
        faultBefore = (await checkOf(photo))?.fault;
        await purgeByIds(
          { database: bench, storage: bench.storage },
          { ids: [photo.id], now: new Date() },
        );
      };
      const { checked, faulty } = await run(storageWith(beforeLast));
      expect(faultBefore).toBe("missing");
      expect([checked, faulty.length]).toEqual([120, 120]);
      expect(faulty.map(({ id }) => id)).not.toContain(photo.id);
    },
    60_000,
  );

  test("gets no file again from a backup", async () => {
    const photo = await storePhoto();
    const bytes = await Bun.file(pathOf(photo)).bytes();
    await rm(pathOf(photo));
    const library = { database: bench, storage: bench.storage };
    const originals = {
      open: async () => {
        await purgeByIds(library, { ids: [photo.id], now: new Date() });
        return new Blob([bytes]).stream();
      },
    };
    const isPutBack = await putBackFromBackup(library, { originals } as unknown as BackupStore, {
      ...photo,
      mimeType: photo.mimeType!,
      fileSize: photo.fileSize!,
      contentHash: photo.contentHash!,
    });
    expect([isPutBack, await Bun.file(pathOf(photo)).exists()]).toEqual([false, false]);
  }, 60_000);
});

test("an original is put back only with its own bytes, also when those of the backup change after they were compared", async () => {
  const photo = await storePhoto();
  await writeFile(pathOf(photo), "damaged");
  const originals = { open: async () => new Blob(["other bytes"]).stream() };
  const isPutBack = await putBackFromBackup(
    { database: bench, storage: bench.storage },
    { originals } as unknown as BackupStore,
    {
      ...photo,
      mimeType: photo.mimeType!,
      fileSize: photo.fileSize!,
      contentHash: photo.contentHash!,
    },
  );
  expect([isPutBack, await Bun.file(pathOf(photo)).text()]).toEqual([false, "damaged"]);
}, 60_000);

describe("./gallery verify", () => {
  const commands = () => createBackupCommands({ url: bench.url, dataDir: bench.dataDir });

  test("names every faulty original and exits with 1; --repair puts back what a backup has and keeps the damaged file", async () => {
    const [whole, lost, damaged, unsaved] = [
      await storePhoto(),
      await storePhoto(),
      await storePhoto(),
      await storePhoto(),
    ];
    await rm(pathOf(unsaved));
    await backUp();
    await rm(pathOf(lost));
    await writeFile(pathOf(damaged), "other bytes");

    const found = await commands().run({ verb: "verify", folder, repairs: false });
    expect(found.code).toBe(1);
    for (const { id } of [lost, damaged, unsaved]) expect(found.output).toContain(id);
    expect(found.output).not.toContain(whole.id);
    expect(found.output).toContain("--repair");

    const repaired = await commands().run({ verb: "verify", folder, repairs: true });
    expect([repaired.code, repaired.output]).toEqual([
      1,
      expect.stringContaining("3 intact (2 put back from a backup), 1 lost or damaged"),
    ]);
    for (const photo of [lost, damaged]) {
      const bytes = await Bun.file(pathOf(photo)).bytes();
      const hash = sha256Of(bytes);
      expect(hash).toBe(photo.contentHash!);
      expect(await checkOf(photo)).toMatchObject({ fault: null });
    }
    const quarantine = join(bench.dataDir, "photos/uploaded/.quarantine");
    const aside = await readdir(quarantine, { recursive: true });
    expect(aside.filter((name) => name.includes(damaged.id))).toHaveLength(1);

    await bench.db.delete(photos).where(eq(photos.id, unsaved.id));
    expect(await commands().run({ verb: "verify", folder, repairs: false })).toMatchObject({
      code: 0,
    });
  }, 60_000);

  test("puts nothing back whose copy in the backup is damaged, too", async () => {
    const photo = await storePhoto();
    await backUp();
    await rm(pathOf(photo));
    await writeFile(storedPath(folder, photo), new Uint8Array(photo.fileSize!));
    const { code } = await commands().run({ verb: "verify", folder, repairs: true });
    expect([code, await Bun.file(pathOf(photo)).exists()]).toEqual([1, false]);
    expect(await checkOf(photo)).toMatchObject({ fault: "missing", isInBackup: false });
  }, 60_000);

  test("does not take an unmounted volume for lost originals", async () => {
    const photo = await storePhoto();
    const area = join(bench.dataDir, "photos/uploaded");
    await rm(area, { recursive: true });
    await mkdir(area);
    const { code, output } = await commands().run({ verb: "verify", folder, repairs: false });
    expect([code, output]).toEqual([1, expect.stringContaining("mount its volume again")]);
    expect(await checkOf(photo)).toBeUndefined();
  }, 60_000);
});
