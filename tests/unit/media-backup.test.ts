import { cp, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Manifest } from "#media/backup/manifest";
import { originalPath } from "#media/backup/names";
import { type BackupStore, prepareBackupStore } from "#media/backup/store";
import { sha256Of } from "#sha256";
import { rewriteManifest } from "#tests/support/backups";

let scratch: string;
let folder: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "gallery-media-backup-"));
  folder = join(scratch, "backups");
});
afterEach(() => rm(scratch, { recursive: true }));

const openStore = () =>
  prepareBackupStore(folder, { installationId: crypto.randomUUID(), expectsBackups: false });
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => "accepted",
    (error: Error) => error.message,
  );

test("a file of a backup that the disk did not keep is noticed before it is a backup", async () => {
  const store = await openStore();
  const draft = await store.begin("2026-11-30T03-10-00-000Z-0badc0de");
  await draft.write("albums.copy.gz", Buffer.from("rows"));
  await writeFile(draft.pathOf("albums.copy.gz"), "r0ws");
  expect(await refusalOf(draft.finish({} as Manifest))).toContain("did not keep");
  expect(await store.list()).toEqual([]);
});

test("a copy of an original that the disk did not keep is noticed and not stored", async () => {
  const store = await openStore();
  const bytes = new Uint8Array(16 * 1024 * 1024).fill(1);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const original = join(scratch, "original");
  await writeFile(original, bytes);
  let isOver = false;
  const kept = refusalOf(store.originals.keep(original, { sha256, bytes: bytes.length })).finally(
    () => (isOver = true),
  );
  const damaged = await damageCopy(join(folder, "unfinished"), bytes.length, () => isOver);
  expect(await kept).toContain("did not keep");
  expect(damaged).toBeGreaterThan(0);
  expect(await Array.fromAsync(store.originals.list())).toEqual([]);
  expect(await readdir(join(folder, "unfinished"))).toEqual([]);
});

test("a stored original is a copy of its own: a write to the file in the library does not change it", async () => {
  const { store, original, wanted } = await storeOriginal();
  await writeFile(original, "other bytes");
  expect(await store.originals.sum(wanted.sha256)).toEqual(wanted);
});

test("an original is there only with its length, and when it is read, with its bytes", async () => {
  const { store, stored, wanted } = await storeOriginal();
  expect(await store.originals.has(wanted, true)).toBe(true);
  await writeFile(stored, new Uint8Array(wanted.bytes));
  expect(await store.originals.has(wanted)).toBe(true);
  expect(await store.originals.has(wanted, true)).toBe(false);
  await writeFile(stored, "half");
  expect(await store.originals.has(wanted)).toBe(false);
});

test("a backup that cannot be moved aside stays whole: none is deleted file by file where it is listed", async () => {
  const store = await openStore();
  const name = await writeBackup(store);
  await mkdir(join(folder, "unfinished", name, "in-the-way"), { recursive: true });
  expect(await refusalOf(store.remove(name))).not.toBe("accepted");
  expect(await store.list()).toEqual([name]);
  expect(await readdir(join(folder, "backups", name))).toContain("manifest.json");
});

test("a backup is known by its own name: the copy of another one under it is refused", async () => {
  const store = await openStore();
  const name = await writeBackup(store);
  expect((await store.read(name)).manifest.name).toBe(name);
  const other = name.replace("2026", "2027");
  await cp(join(folder, "backups", name), join(folder, "backups", other), { recursive: true });
  expect(await refusalOf(store.read(other))).toContain("missing or damaged");
});

test("a file of a backup is intact only with its bytes", async () => {
  const store = await openStore();
  const name = await writeBackup(store);
  const reader = await store.read(name);
  const { file } = reader.manifest.originals;
  expect(await reader.isIntact(file)).toBe(true);
  await writeFile(join(folder, "backups", name, file.name), new Uint8Array(file.bytes));
  expect(await reader.isIntact(file)).toBe(false);
  await rm(join(folder, "backups", name, file.name));
  expect(await reader.isIntact(file)).toBe(false);
});

test("a list that has fewer originals than were copied is refused", async () => {
  const store = await openStore();
  const name = await writeBackup(store);
  expect(await refusalOf(Array.fromAsync((await store.read(name)).originals()))).toBe("accepted");
  await rewriteManifest(folder, ({ originals }) => (originals.count = 1));
  const listed = Array.fromAsync((await store.read(name)).originals());
  expect(await refusalOf(listed)).toContain("missing or damaged");
});

test("a manifest of another format is refused", async () => {
  const store = await openStore();
  const name = await writeBackup(store);
  await rewriteManifest(folder, (manifest) => Object.assign(manifest, { format: 2 }));
  expect(await refusalOf(store.read(name))).toContain("missing or damaged");
});

test("backups are listed by their time, and nothing else is", async () => {
  const store = await openStore();
  const names = ["2027-01-01", "2026-12-31", "2026-02-01"].map(
    (day) => `${day}T03-10-00-000Z-0badc0de`,
  );
  for (const name of names) await writeBackup(store, name);
  await mkdir(join(folder, "backups", "2025"));
  expect(await store.list()).toEqual(names.toReversed());
});

/** A finished backup of no library. */
async function writeBackup(store: BackupStore, name = "2026-11-30T03-10-00-000Z-0badc0de") {
  const draft = await store.begin(name);
  const none = new Blob([]).stream();
  const file = await draft.compress("originals.tsv.gz", none);
  await draft.finish({
    format: 1,
    id: crypto.randomUUID(),
    name,
    createdAt: new Date().toISOString(),
    galleryVersion: "0.0.0",
    installationId: crypto.randomUUID(),
    migration: 1,
    tables: [],
    counters: [],
    originals: { count: 0, bytes: 0, newCount: 0, newBytes: 0, file },
    dataFiles: [],
    missing: [],
    purged: [],
  });
  return name;
}

async function storeOriginal() {
  const store = await openStore();
  const bytes = crypto.getRandomValues(new Uint8Array(500));
  const wanted = { sha256: sha256Of(bytes), bytes: bytes.length };
  const original = join(scratch, "original");
  await writeFile(original, bytes);
  expect(await store.originals.keep(original, wanted)).toBe(true);
  return { store, original, wanted, stored: join(folder, originalPath(wanted.sha256)) };
}

/** Changes the last byte of a complete copy, again and again until it is over: hashing takes longer. */
async function damageCopy(unfinished: string, bytes: number, isOver: () => boolean) {
  await mkdir(unfinished, { recursive: true });
  let times = 0;
  while (!isOver()) {
    for (const name of await readdir(unfinished)) {
      const path = join(unfinished, name);
      const found = await stat(path).catch(() => undefined);
      if (found?.size !== bytes) continue;
      const file = await open(path, "r+").catch(() => undefined);
      if (!file) continue;
      await file.write(Buffer.from([0]), 0, 1, bytes - 1);
      await file.close();
      times += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times;
}
