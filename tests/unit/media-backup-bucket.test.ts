import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { prepareBackupBucket } from "#media/backup/bucket/store";
import type { Manifest } from "#media/backup/manifest";
import type { BackupStore } from "#media/backup/store";
import { ObjectStoreFault } from "#media/storage/s3/fault";
import type { ObjectStore } from "#media/storage/s3/object-store";
import { sha256Of } from "#sha256";

const installationId = crypto.randomUUID();
const name = "2026-11-30T03-10-00-000Z-0badc0de";
const earlierName = "2026-11-29T03-10-00-000Z-0badc0de";

/** A bucket in memory; `before` may fail a request. */
function createBucket() {
  const objects = new Map<string, { body: Blob; contentHash: string }>();
  const bucket = { objects, before: async (_request: string, _key: string): Promise<void> => {} };
  const store: ObjectStore = {
    async head(key) {
      await bucket.before("head", key);
      const found = objects.get(key);
      const { body, contentHash } = found ?? {};
      return body && { bytes: body.size, etag: "any", modifiedAt: new Date(), contentHash };
    },
    async put(key, { body, contentHash }) {
      await bucket.before("put", key);
      objects.set(key, { body: new Blob([await body.bytes()]), contentHash });
    },
    async get(key) {
      await bucket.before("get", key);
      const facts = await store.head(key);
      return facts && { ...facts, body: objects.get(key)!.body.stream() };
    },
    async remove(key) {
      await bucket.before("remove", key);
      objects.delete(key);
    },
    copy: () => Promise.reject(new Error("backups copy nothing")),
    async *list(prefix) {
      for (const key of [...objects.keys()].toSorted()) {
        if (key.startsWith(prefix)) yield { key, bytes: 0, modifiedAt: new Date() };
      }
    },
  };
  return { objects, bucket, store };
}

let scratch: string;
let memory: ReturnType<typeof createBucket>;
let backups: BackupStore;
const prepare = (expectsBackups = false) =>
  prepareBackupBucket(
    { store: memory.store, scratch: join(scratch, "unfinished") },
    { installationId, expectsBackups },
  );
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "gallery-bucket-"));
  memory = createBucket();
  backups = await prepare();
});
afterEach(() => rm(scratch, { recursive: true }));

const away = () => new ObjectStoreFault("unreachable");
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: NodeJS.ErrnoException) => error.message,
  );

async function writeBackup(as = name): Promise<void> {
  const draft = await backups.begin(as);
  await draft.write("albums.copy.gz", Buffer.from("rows"));
  await draft.finish({ name: as } as Manifest).catch(async (error: unknown) => {
    await draft.abort();
    throw error;
  });
}

async function newOriginal() {
  const bytes = crypto.getRandomValues(new Uint8Array(500));
  const path = join(scratch, crypto.randomUUID());
  await writeFile(path, bytes);
  const wanted = { sha256: sha256Of(bytes), bytes: bytes.length };
  return { path, wanted, key: `originals/${wanted.sha256.slice(0, 2)}/${wanted.sha256}` };
}

test("a backup of which a file could not be sent is none, and the next one clears it and what it left on this machine", async () => {
  await writeBackup(earlierName);
  memory.bucket.before = async (request, key) => {
    if (request === "put" && key.endsWith(".sha256")) throw away();
  };
  expect(await outcome(writeBackup())).toContain("does not answer");
  expect(await backups.list()).toEqual([earlierName]);
  expect(await readdir(join(scratch, "unfinished"))).toEqual([]);
  memory.bucket.before = async () => {};
  // A killed one leaves its files here.
  await (await backups.begin(name)).write("photos.copy.gz", Buffer.from("rows"));
  await backups.clean();
  expect([...memory.objects.keys()].filter((key) => key.includes(name))).toEqual([]);
  expect(await stat(join(scratch, "unfinished")).catch(() => "gone")).toBe("gone");
  expect(await backups.list()).toEqual([earlierName]);
});

test("nothing that a backup did not write is deleted, with a backup, with one that died, or on this machine", async () => {
  await writeBackup();
  const ours = [...memory.objects.keys()].filter((key) => key.includes(name));
  const object = { body: new Blob(["mine"]), contentHash: sha256Of("mine") };
  const died = `backups/${earlierName}/photos.copy.gz`;
  const foreign = [
    `backups/${name}/notes.txt`,
    `backups/${name}/more/photos.copy.gz`,
    `backups/${earlierName}/notes.txt`,
    "backups/mine",
  ];
  for (const key of [died, ...foreign]) memory.objects.set(key, object);
  const here = join(scratch, "unfinished/notes.txt");
  await (await backups.begin(name)).write("photos.copy.gz", Buffer.from("rows"));
  await writeFile(here, "mine");
  await backups.remove(name);
  await backups.clean();
  const left = [...memory.objects.keys()];
  expect(left).toEqual(expect.arrayContaining(foreign));
  for (const key of [died, ...ours]) expect(left).not.toContain(key);
  expect(await readdir(join(scratch, "unfinished"))).toEqual(["notes.txt"]);
  expect(await backups.list()).toEqual([]);
});

test("a backup whose deletion breaks off is none", async () => {
  await writeBackup();
  let removed = 0;
  memory.bucket.before = async (request) => {
    if (request === "remove" && (removed += 1) > 1) throw away();
  };
  expect(await outcome(backups.remove(name))).toContain("does not answer");
  expect(await backups.list()).toEqual([]);
});

test("a place that held backups and is empty is not taken for a new one", async () => {
  memory.objects.clear();
  expect(await outcome(prepare(true))).toContain("lost its backups");
  expect(memory.objects.size).toBe(0);
});

test("an original is there only with its length, and when it is read, with its bytes", async () => {
  const { path, wanted, key } = await newOriginal();
  expect(await backups.originals.has(wanted)).toBe(false);
  expect(await backups.originals.keep(path, wanted)).toBe(true);
  expect(await backups.originals.has(wanted, true)).toBe(true);
  const { contentHash } = memory.objects.get(key)!;
  memory.objects.set(key, { body: new Blob([new Uint8Array(500)]), contentHash });
  expect(await backups.originals.has(wanted)).toBe(true);
  expect(await backups.originals.has(wanted, true)).toBe(false);
  memory.objects.set(key, { body: new Blob(["half"]), contentHash });
  expect(await backups.originals.has(wanted)).toBe(false);
});

test("a file with other bytes is not stored as the original", async () => {
  const { path, wanted } = await newOriginal();
  await writeFile(path, "other bytes");
  expect(await backups.originals.keep(path, wanted)).toBe(false);
  expect(await Array.fromAsync(backups.originals.list())).toEqual([]);
});

test("an original that is deleted while it is sent is missing; the store is not blamed", async () => {
  const { path, wanted } = await newOriginal();
  memory.bucket.before = async (request) => {
    if (request !== "put") return;
    await rm(path, { force: true });
    throw away();
  };
  expect(await outcome(backups.originals.keep(path, wanted))).toContain("ENOENT");
});

test("a store that does not answer has not lost an original", async () => {
  const { path, wanted } = await newOriginal();
  await backups.originals.keep(path, wanted);
  let failures = 2;
  memory.bucket.before = async () => {
    if ((failures -= 1) >= 0) throw away();
  };
  // Requested again.
  expect(await backups.originals.sum(wanted.sha256)).toEqual(wanted);
  failures = Infinity;
  expect(await outcome(backups.originals.sum(wanted.sha256))).toContain("does not answer");
  expect(await outcome(backups.originals.has(wanted))).toContain("does not answer");
});
