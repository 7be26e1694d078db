import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { asc, eq, isNull } from "drizzle-orm";
import { countMoved } from "#db/queries/storage/moved-originals";
import { findNewestMove } from "#db/queries/storage/storage-moves";
import { events } from "#db/schema/events";
import { type Photo, photos } from "#db/schema/photos";
import type { StorageMoveStatus } from "#db/schema/storage-moves";
import { originalKey, thumbnailKey } from "#media/storage/keys";
import { createObjectStore, type ObjectStore } from "#media/storage/s3/object-store";
import { sha256Of } from "#sha256";
import { storageMoveId } from "#workflows/storage-move/contract";
import { createBackupCommands } from "#tests/support/backups";
import { startFaultyLine } from "#tests/support/faulty-line";
import { listFiles } from "#tests/support/library";
import { settingsOf, startObjectStore } from "#tests/support/object-store";
import { startProcess } from "#tests/support/process";
import { createGalleryClient } from "#tests/support/gallery";
import { startGallery } from "#tests/support/running-gallery";
import { mountSmallDisk } from "#tests/support/small-disk";
import { until } from "#tests/support/wait";

type SmallDisk = Awaited<ReturnType<typeof mountSmallDisk>>;

let disks: { data: SmallDisk; bucket: SmallDisk };
let bucket: Awaited<ReturnType<typeof startObjectStore>>;
let line: Awaited<ReturnType<typeof startFaultyLine>>;
let started: Awaited<ReturnType<typeof startGallery>>;
let commands: ReturnType<typeof createBackupCommands>;
let store: ObjectStore;
let settings: Record<string, string>;

beforeAll(async () => {
  disks = { data: await mountSmallDisk(64), bucket: await mountSmallDisk(64) };
  bucket = await startObjectStore(disks.bucket.path);
  line = await startFaultyLine(bucket.access.endpoint);
  store = createObjectStore(bucket.access);
  settings = { ...settingsOf({ ...bucket.access, endpoint: line.url }), STORAGE: "disk" };
  started = await startGallery({
    env: settings,
    dataIn: disks.data.path,
    timings: {
      reconcileEveryMs: 1_000,
      storageSettleMs: 4_000,
      storageLateMs: 6_000,
      storageRetryMs: 300,
    },
  });
  commands = createBackupCommands({
    url: started.stack.database.url,
    dataDir: started.stack.dataDir,
    env: settings,
  });
}, 120_000);
afterAll(async () => {
  commands.killAll();
  await started.stack.stop();
  await line.stop();
  await bucket.stop();
  await Promise.all(Object.values(disks).map((disk) => disk.unmount()));
}, 60_000);
const keyOf = ({ id, kind, mimeType }: Photo) => originalKey({ id, kind, mimeType: mimeType! });
const onDisk = (photo: Photo) => join(started.stack.dataDir, keyOf(photo));

async function inBucket(key: string): Promise<string | undefined> {
  const found = await store.get(key);
  return found && sha256Of(await new Response(found.body).bytes());
}

async function servedBy(url: string, id: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/photos/${id}`, { headers: { accept: "image/*" } });
  expect(response.status).toBe(200);
  return sha256Of(await response.bytes());
}

/** Noise in a bitmap's worth of bytes: every picture differs. */
async function picture(): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp");
  const raw = { width: 120, height: 90, channels: 3 as const };
  const pixels = crypto.getRandomValues(new Uint8Array(raw.width * raw.height * 3));
  return sharp(pixels, { raw }).png().toBuffer();
}

const allPhotos = (): Promise<Photo[]> =>
  started.stack.database.db
    .select()
    .from(photos)
    .where(isNull(photos.purgedAt))
    .orderBy(asc(photos.id));

const moveIs = (status: StorageMoveStatus, timeoutMs = 60_000) =>
  until(
    `a move that is ${status}`,
    async () => {
      const move = await findNewestMove(started.stack.database.db);
      return move?.status === status ? move : undefined;
    },
    timeoutMs,
    started.worker.output,
  );

const settled = (amount: number) =>
  until(
    `${amount} settled originals`,
    async () => (await countMoved(started.stack.database.db)).settled >= amount,
    60_000,
    started.worker.output,
    5,
  );

const moveEvents = async () => {
  const rows = await started.stack.database.db.select().from(events).orderBy(asc(events.id));
  return rows.filter(({ type }) => type.startsWith("storage."));
};
const countWaits = async () =>
  (await moveEvents()).filter(({ type }) => type === "storage.move.waiting").length;

/** Waits until the newest move waits for this, and checks that it says so everywhere, once. */
async function waitsFor(reason: string, waitsBefore: number): Promise<{ settled: number }> {
  const { gallery, stack } = started;
  const { id, ...move } = await until(
    "a move that waits",
    async () => {
      const { move: newest } = await gallery.get("/storage");
      return newest?.waiting_for?.includes(reason) && newest;
    },
    60_000,
    started.worker.output,
  );
  expect(move.summary).toContain(`It waits: ${move.waiting_for}`);
  const run = stack.temporal.workflow.getHandle(storageMoveId(id));
  const detailsOf = () => run.query<{ currentDetails?: string }>("__temporal_workflow_metadata");
  await until("a run that says so", async () =>
    (await detailsOf()).currentDetails?.includes(reason),
  );
  const { code, output } = await commands.run({ verb: "storage-status" });
  expect([code, output]).toEqual([1, expect.stringContaining(reason)]);
  expect(started.worker.output()).toContain("the move of the photos waits");
  // Its tries since then are no news.
  expect(await countWaits()).toBe(waitsBefore + 1);
  expect((await moveEvents()).at(-1)).toMatchObject({
    type: "storage.move.waiting",
    data: { message: move.waiting_for },
  });
  return move;
}

/** Every file of the library on the disk. */
async function filesOnDisk(): Promise<string[]> {
  const { dataDir } = started.stack;
  const kinds = ["uploaded", "generated", "thumbnails"] as const;
  const names = await Promise.all(
    kinds.map(async (kind) =>
      (await listFiles(dataDir, kind)).map((name) => `photos/${kind}/${name}`),
    ),
  );
  return names.flat();
}

test("the library moves to a bucket under uploads, generation, kills and a store that is away: every byte is there", async () => {
  const { gallery, stack } = started;
  const ids = await Promise.all(
    Array.from({ length: 40 }, async () => (await gallery.upload(await picture())).id as string),
  );
  const purged = ids[39]!;
  const before = await allPhotos();
  // The store has room for some of them.
  await disks.bucket.fill(500_000);
  expect(await commands.run({ verb: "storage-move", target: "s3" })).toMatchObject({ code: 0 });
  const full = await waitsFor("no room left for photos in the S3 bucket", 0);
  expect(full.settled).toBeGreaterThan(0);
  expect(full.settled).toBeLessThan(before.length);
  const copied = await Array.fromAsync(store.list("photos/"));
  expect(copied.length).toBeGreaterThan(full.settled);
  for (const { key } of copied.filter((object) => !object.key.includes("/."))) {
    const bytes = await readFile(join(stack.dataDir, key));
    expect([key, await inBucket(key)]).toEqual([key, sha256Of(bytes)]);
  }
  for (const photo of before) {
    expect(await servedBy(gallery.url, photo.id)).toBe(photo.contentHash!);
  }
  await disks.bucket.empty();

  let isMoving = true;
  const refused: string[] = [];
  const uploading = (async () => {
    const uploaded: string[] = [];
    while (isMoving) {
      const one = await gallery.upload(await picture()).catch((error: Error) => error);
      if (one instanceof Error) refused.push(one.message);
      else uploaded.push(one["id"]);
      await Bun.sleep(400);
    }
    return uploaded;
  })();

  await settled(5);
  await started.worker.kill();
  started.worker = await stack.startWorker();
  await settled(15);
  line.refuse();
  const waiting = await until("a move that waits", async () => {
    const { output } = await commands.run({ verb: "storage-status" });
    return output.includes("does not answer") ? output : undefined;
  });
  expect(waiting).toContain("still used from the disk");
  line.heal();
  line.strike({ how: "cut", side: "request", after: 20_000 });
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id);
  await started.worker.kill();
  started.worker = await stack.startWorker();
  const response = await fetch(`${gallery.url}/api/v1/photos/${purged}?permanent=true`, {
    method: "DELETE",
  });
  expect(response.ok).toBe(true);

  const { id: moveId } = await moveIs("switching");
  await started.worker.kill();
  started.worker = await stack.startWorker();
  await moveIs("completed");
  isMoving = false;
  const uploaded = await uploading;
  await gallery.stepIs(step.id, ["completed"], 90_000);
  await gallery.allRetrieved(step.id, 4);
  // The store was away only while nothing was written to it.
  expect(refused).toEqual([]);
  expect(uploaded.length).toBeGreaterThan(5);

  const after = await allPhotos();
  expect(after).toHaveLength(39 + uploaded.length + 4);
  for (const photo of after) {
    expect(await inBucket(keyOf(photo))).toBe(photo.contentHash!);
    expect(await store.head(thumbnailKey(photo.id))).toBeDefined();
    expect(await servedBy(gallery.url, photo.id)).toBe(photo.contentHash!);
  }
  const gone = before.find(({ id }) => id === purged)!;
  await until("no file of the purged photo", async () => {
    return (await inBucket(keyOf(gone))) === undefined && !existsSync(onDisk(gone));
  });
  // The old copy is kept.
  for (const photo of before.filter(({ id }) => id !== purged)) {
    expect(sha256Of(await Bun.file(onDisk(photo)).bytes())).toBe(photo.contentHash!);
  }
  const types = (await moveEvents()).map(({ type }) => type.replace("storage.move.", ""));
  expect(types.slice(0, 3)).toEqual(["started", "waiting", "resumed"]);
  const waits = types.filter((type) => type === "waiting").length;
  expect(types.filter((type) => type === "resumed")).toHaveLength(waits);
  expect(types.filter((type) => !["waiting", "resumed"].includes(type))).toEqual([
    "started",
    "switched",
    "completed",
  ]);
  const run = await stack.temporal.workflow.getHandle(storageMoveId(moveId)).describe();
  expect(run.status.name).toBe("COMPLETED");
}, 300_000);

test("the old copy is deleted only on request, once STORAGE names the new place; then the old setting is refused", async () => {
  const { stack } = started;
  const inS3 = {
    url: stack.database.url,
    dataDir: stack.dataDir,
    env: { ...settings, STORAGE: "s3" },
  };
  const tooEarly = await commands.run({ verb: "storage-forget-old", keepsFiles: false });
  expect(tooEarly.code).toBe(1);
  expect(tooEarly.output).toContain("Set STORAGE=s3");

  const all = await allPhotos();
  // A copy that was lost since the move is found, and copied again, before the old one is deleted.
  const [lost, damaged] = all.filter((photo) => existsSync(onDisk(photo))) as [Photo, Photo];
  await store.remove(keyOf(lost));
  await bucket.damage(keyOf(damaged), crypto.getRandomValues(new Uint8Array(2_000)));
  expect(await commands.run({ verb: "storage-forget-old", keepsFiles: false }, inS3)).toMatchObject(
    { code: 0 },
  );
  await until("a first deletion", async () => !existsSync(onDisk(lost)), 60_000, undefined, 5);
  await started.worker.kill();
  started.worker = await stack.startWorker();
  await moveIs("forgotten");
  for (const photo of all) {
    expect(await inBucket(keyOf(photo))).toBe(photo.contentHash!);
    expect(existsSync(onDisk(photo))).toBe(false);
  }
  expect(await servedBy(started.gallery.url, lost.id)).toBe(lost.contentHash!);

  const { api } = started;
  await api.kill();
  const env = {
    DATABASE_URL: stack.database.url,
    DATA_DIR: stack.dataDir,
    PORT: "0",
    ...settings,
  };
  const old = startProcess("tests/support/processes/api.ts", env);
  await until("a refusal", () => old.output().includes("set STORAGE=s3"), 30_000, old.output);
  await old.kill();
}, 180_000);

test("it moves back, to a disk that is full for a while; an original that is damaged is named, and what the old place has of it is not deleted", async () => {
  const { stack } = started;
  const env = { ...settings, STORAGE: "s3" };
  started.api = await stack.startApi(env);
  started.gallery = createGalleryClient(started.api.url);
  const { gallery } = started;
  const place = { url: stack.database.url, dataDir: stack.dataDir, env };
  const all = await allPhotos();
  await bucket.damage(keyOf(all[2]!), crypto.getRandomValues(new Uint8Array(2_000)));
  // A whole copy here would be used.
  await rm(join(stack.dataDir, "cache"), { recursive: true });
  const waits = await countWaits();
  await disks.data.fill(600_000);
  expect(await commands.run({ verb: "storage-move", target: "disk" }, place)).toMatchObject({
    code: 0,
  });
  const full = await waitsFor("no room left for photos; free some space", waits);
  expect(full.settled).toBeGreaterThan(0);
  expect(full.settled).toBeLessThan(all.length);
  for (const key of await filesOnDisk()) {
    const bytes = await readFile(join(stack.dataDir, key));
    expect([key, await inBucket(key)]).toEqual([key, sha256Of(bytes)]);
  }
  // There is no room for local copies either.
  for (const photo of all.filter(({ id }) => id !== all[2]!.id)) {
    expect(await servedBy(gallery.url, photo.id)).toBe(photo.contentHash!);
  }
  const refused = await gallery.upload(await picture()).catch((error: Error) => error.message);
  expect(refused).toContain("507");
  await disks.data.empty();
  await moveIs("completed");
  for (const photo of all.filter(({ id }) => id !== all[2]!.id)) {
    expect(sha256Of(await Bun.file(onDisk(photo)).bytes())).toBe(photo.contentHash!);
  }
  expect((await commands.run({ verb: "storage-status" }, place)).output).toContain("1 damaged");
  expect(await commands.run({ verb: "storage-forget-old", keepsFiles: false })).toMatchObject({
    code: 0,
  });
  const kept = await until("an end of the deletion", async () => {
    const move = await findNewestMove(stack.database.db);
    return move?.status === "completed" && move.message !== null ? move : undefined;
  });
  expect(kept.message).toContain("verify --repair");
  expect(await store.head(keyOf(all[2]!))).toBeDefined();
  expect(await store.head(keyOf(all[3]!))).toBeUndefined();
}, 180_000);

test("an old copy whose store is gone for good is given up without it: every original is compared, nothing is deleted", async () => {
  const { database } = started.stack;
  const [, , damaged, ...others] = (await allPhotos()) as [Photo, Photo, Photo, ...Photo[]];
  // Its owner gives up the damaged photo.
  await database.db.delete(photos).where(eq(photos.id, damaged.id));
  line.refuse();
  const forget = { verb: "storage-forget-old", keepsFiles: true } as const;
  expect(await commands.run(forget)).toMatchObject({ code: 0 });
  await moveIs("forgotten");
  line.heal();
  for (const photo of others) {
    expect(sha256Of(await Bun.file(onDisk(photo)).bytes())).toBe(photo.contentHash!);
  }
  expect(await store.head(keyOf(damaged))).toBeDefined();
}, 120_000);

test("a target that holds other files, and one of another gallery, are refused before anything is changed", async () => {
  const { stack } = started;
  const other = (prefix: string) => ({
    url: stack.database.url,
    dataDir: stack.dataDir,
    env: { ...settings, S3_PREFIX: prefix },
  });
  for (const [prefix, key] of [
    ["used", "photos/uploaded/ab/one.png"],
    ["foreign", "photos/.installation"],
  ] as const) {
    const body = new Blob([crypto.randomUUID()]);
    const contentHash = sha256Of(new Uint8Array(await body.arrayBuffer()));
    const there = createObjectStore({ ...bucket.access, prefix: `${prefix}/` });
    await there.put(key, { body, contentHash, onlyNew: true });
    const { code, output } = await commands.run(
      { verb: "storage-move", target: "s3" },
      other(prefix),
    );
    expect(code).toBe(1);
    expect(output).toContain("nothing was changed");
  }
  expect((await findNewestMove(stack.database.db))?.target).toBe("disk");
}, 60_000);
