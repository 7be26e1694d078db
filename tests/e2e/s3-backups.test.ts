import { rm, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Photo } from "#db/schema/photos";
import { purgeByIds } from "#library/purge";
import { prepareBackupBucket } from "#media/backup/bucket/store";
import type { Manifest } from "#media/backup/manifest";
import { createObjectStore, type ObjectStore } from "#media/storage/s3/object-store";
import { sha256Of } from "#sha256";
import { createLibraryBench, lastBackup, type LibraryBench } from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import { startFaultyLine } from "#tests/support/faulty-line";
import { settingsOf, startObjectStore } from "#tests/support/object-store";
import { mountSmallDisk } from "#tests/support/small-disk";
import { until } from "#tests/support/wait";

let disk: Awaited<ReturnType<typeof mountSmallDisk>>;
let bucket: Awaited<ReturnType<typeof startObjectStore>>;
let line: Awaited<ReturnType<typeof startFaultyLine>>;
let bench: LibraryBench;
let photos: Photo[];
let settings: Record<string, string>;
/** New for each test: the place of backups, its prefix in the bucket, and its objects. */
let folder: string;
let prefix: string;
let store: ObjectStore;

beforeAll(async () => {
  disk = await mountSmallDisk(32);
  bucket = await startObjectStore(disk.path);
  line = await startFaultyLine(bucket.access.endpoint);
  settings = {
    BACKUP_S3_ENDPOINT: line.url,
    BACKUP_S3_ACCESS_KEY_ID: bucket.access.accessKeyId,
    BACKUP_S3_SECRET_ACCESS_KEY: bucket.access.secretAccessKey,
  };
  bench = await createLibraryBench(settings);
  photos = await Promise.all(Array.from({ length: 5 }, () => bench.storePhoto()));
}, 60_000);
beforeEach(() => {
  prefix = `${bucket.access.prefix}${crypto.randomUUID()}`;
  folder = `s3://${bucket.access.bucket}/${prefix}`;
  store = createObjectStore({ ...bucket.access, prefix: `${prefix}/` });
});
afterEach(() => line.heal());
afterAll(async () => {
  await bench.close();
  await line.stop();
  await bucket.stop();
  await disk.unmount();
});

const backUp = (keep: number | null = null) => bench.run({ verb: "backup", folder, keep });
const check = () => bench.run({ verb: "check", folder, backup: null });
const objectOf = ({ contentHash }: Photo) => `originals/${contentHash!.slice(0, 2)}/${contentHash}`;

async function keysBelow(path: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(path)) keys.push(key);
  return keys;
}
const manifests = async () =>
  (await keysBelow("backups/")).filter((key) => key.endsWith("/manifest.json"));

const lastRow = () => lastBackup(bench.database);

test("a gallery is backed up to a bucket, each original once, checked, and restored elsewhere with the same bytes", async () => {
  expect(await backUp()).toMatchObject({ code: 0 });
  const added = await bench.storePhoto();
  expect(await backUp()).toMatchObject({ code: 0 });
  expect(await lastRow()).toMatchObject({ status: "completed", folder, newOriginals: 1 });
  expect(await manifests()).toHaveLength(2);
  const checked = await check();
  expect(checked.output).toContain("every hash is right");

  const empty = await createEmptyDatabase();
  try {
    const target = { url: empty.url, dataDir: bench.path(crypto.randomUUID()), env: settings };
    const restore = { verb: "restore", folder, backup: null, acceptsLosses: false } as const;
    expect(await bench.run(restore, target)).toMatchObject({ code: 0 });
    for (const photo of [...photos, added]) {
      const bytes = await Bun.file(bench.originalOf(photo, target.dataDir)).bytes();
      expect(sha256Of(bytes)).toBe(photo.contentHash!);
    }
  } finally {
    await empty.drop();
  }
  await purgeByIds(bench, { ids: [added.id], now: new Date() });
  expect(await backUp(1)).toMatchObject({ code: 0 });
  expect(await manifests()).toHaveLength(1);
  expect(await keysBelow(objectOf(added))).toEqual([]);
  expect(await keysBelow("originals/")).toHaveLength(5);
}, 180_000);

test("a backup that is killed is none; the next one goes on with what was copied, and clears the rest", async () => {
  expect(await backUp()).toMatchObject({ code: 0 });
  const more = await Promise.all(Array.from({ length: 60 }, () => bench.storePhoto()));
  const running = bench.start({ verb: "backup", folder, keep: null });
  await until(
    "some copied originals",
    async () => (await keysBelow("originals/")).length > 10,
    30_000,
    undefined,
    5,
  );
  running.child.kill("SIGKILL");
  await running.ended();
  expect(await manifests()).toHaveLength(1);
  // The files of one that was killed while they were sent.
  const name = "2020-01-01T00-00-00-000Z-0badc0de";
  const body = new Blob(["rows"]);
  const contentHash = sha256Of(new Uint8Array(await body.arrayBuffer()));
  await store.put(`backups/${name}/photos.copy.gz`, { body, contentHash, onlyNew: true });
  const restore = { verb: "restore", folder, backup: name, acceptsLosses: false } as const;
  expect((await bench.run(restore)).output).toContain(`no finished backup ${name}`);

  expect(await backUp()).toMatchObject({ code: 0 });
  expect((await lastRow())?.newOriginals).toBeLessThan(60);
  expect(await keysBelow(`backups/${name}`)).toEqual([]);
  expect((await check()).code).toBe(0);
  await purgeByIds(bench, { ids: more.map(({ id }) => id), now: new Date() });
}, 180_000);

test("a store that is full, breaks off, freezes or is away ends a backup with its reason, or is waited for; what is a backup is whole", async () => {
  expect(await backUp()).toMatchObject({ code: 0 });
  const more = await Promise.all(
    Array.from({ length: 10 }, () =>
      bench.storePhoto(crypto.getRandomValues(new Uint8Array(60_000))),
    ),
  );
  await disk.fill(300_000);
  const full = await backUp();
  expect([full.code, full.output]).toEqual([
    1,
    expect.stringContaining("no room left in the bucket of the backups"),
  ]);
  expect(await manifests()).toHaveLength(1);
  expect((await check()).code).toBe(0);
  await disk.empty();
  expect(await backUp()).toMatchObject({ code: 0 });
  const { newOriginals } = (await lastRow())!;
  expect(newOriginals).toBeGreaterThan(0);
  expect(newOriginals).toBeLessThan(more.length);
  await purgeByIds(bench, { ids: more.map(({ id }) => id), now: new Date() });
  for (const after of [300, 5_000, 20_000]) {
    line.strike({ how: "cut", side: "request", after });
    const { code, output } = await backUp();
    if (code !== 0) expect(output).toContain("does not answer");
    line.heal();
    for (const _ of await manifests()) expect((await check()).code).toBe(0);
  }
  expect(await backUp()).toMatchObject({ code: 0 });
  line.refuse();
  const { code, output } = await backUp();
  expect(code).toBe(1);
  expect(output).toContain("S3 store of the backups does not answer");
  expect(output).not.toContain("127.0.0.1");
  expect(await lastRow()).toMatchObject({ status: "failed" });
}, 300_000);

test("the manifest is sent last, and what the store did not keep is noticed", async () => {
  const sent: string[] = [];
  let keeps = true;
  const unreliable: ObjectStore = {
    ...store,
    async put(key, object) {
      sent.push(key);
      await store.put(key, object);
      // Its length and its noted hash stay.
      if (!keeps)
        await bucket.damage(
          `${prefix.slice(bucket.access.prefix.length)}/${key}`,
          new Uint8Array(object.body.size),
        );
    },
  };
  const expected = { installationId: bench.installation.id, expectsBackups: false };
  const scratch = bench.path("scratch");
  const places = await prepareBackupBucket({ store: unreliable, scratch }, expected);
  sent.length = 0;
  const name = "2020-01-01T00-00-00-000Z-0badc0de";
  const draft = await places.begin(name);
  await draft.write("albums.copy.gz", Buffer.from("rows"));
  await draft.finish({} as Manifest);
  expect(sent.at(-1)).toBe(`backups/${name}/manifest.json`);
  expect(sent).toHaveLength(3);

  keeps = false;
  const [{ contentHash: sha256, fileSize: bytes }] = photos as [Photo];
  const kept = places.originals.keep(bench.originalOf(photos[0]!), {
    sha256: sha256!,
    bytes: bytes!,
  });
  expect(await kept.catch((error: Error) => error.message)).toContain("did not keep");
}, 60_000);

test("an original that is damaged in the bucket is found; a faulty one of the library is put back from the bucket", async () => {
  expect(await backUp()).toMatchObject({ code: 0 });
  const [damaged, lost] = photos as [Photo, Photo];
  await writeFile(bench.originalOf(damaged), "other bytes");
  await rm(bench.originalOf(lost));
  const repaired = await bench.run({ verb: "verify", folder, repairs: true });
  expect(repaired).toMatchObject({ code: 0 });
  for (const photo of [damaged, lost]) {
    expect(sha256Of(await Bun.file(bench.originalOf(photo)).bytes())).toBe(photo.contentHash!);
  }
  const path = `${prefix.slice(bucket.access.prefix.length)}/${objectOf(damaged)}`;
  await bucket.damage(path, crypto.getRandomValues(new Uint8Array(2_000)));
  const { code, output } = await check();
  expect(code).toBe(1);
  expect(output).toContain(`${damaged.id}  damaged`);
}, 120_000);

test("a prefix with other objects, one of another gallery, and the bucket of the photos are refused", async () => {
  const body = new Blob(["mine"]);
  const contentHash = sha256Of(new Uint8Array(await body.arrayBuffer()));
  await store.put("notes.txt", { body, contentHash, onlyNew: true });
  expect((await backUp()).output).toContain("not empty");
  await store.remove("notes.txt");
  const marker = new Blob([JSON.stringify({ installation_id: crypto.randomUUID() })]);
  const markerHash = sha256Of(new Uint8Array(await marker.arrayBuffer()));
  await store.put("gallery-backups.json", {
    body: marker,
    contentHash: markerHash,
    onlyNew: true,
  });
  expect((await backUp()).output).toContain("another gallery");
  await store.remove("gallery-backups.json");
  const inSameBucket = {
    url: bench.database.url,
    dataDir: bench.dataDir,
    env: {
      ...settings,
      ...settingsOf({ ...bucket.access, endpoint: line.url }),
      STORAGE: "disk",
    },
  };
  const refused = await bench.run({ verb: "backup", folder, keep: null }, inSameBucket);
  expect(refused.output).toContain("the bucket of the photos");
  expect(await keysBelow("")).toEqual([]);
}, 120_000);

test("without the keys of the store a command says which are needed", async () => {
  const place = { url: bench.database.url, dataDir: bench.dataDir };
  const { code, output } = await bench.run({ verb: "check", folder, backup: null }, place);
  expect(code).toBe(1);
  expect(output).toContain("BACKUP_S3_ENDPOINT");
}, 60_000);
