import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { compareAll, type MirrorPass, takeNewest } from "#activities/mirror/compare";
import type { Tx } from "#db/client";
import { findImport, insertImport, requestImportCancel } from "#db/queries/imports/imports";
import { claimPurge, finishPurge } from "#db/queries/photos/purge";
import { albumPhotos, albums } from "#db/schema/albums";
import { mirroredImages } from "#db/schema/mirror";
import { photos } from "#db/schema/photos";
import { sha256Of } from "#sha256";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { createInvokeAiPage, nextDrawing } from "#tests/support/invokeai-page";
import { runPass, undisturbed, watchingDownloads } from "#tests/support/mirror-passes";
import { insertPhoto } from "#tests/support/rows";
import { pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

let root: string;
let bench: ActivityBench;
let page: ReturnType<typeof createInvokeAiPage>;
/** Every picture is different: a known one would be a duplicate. */
let shade = 900_000;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "gallery-meanwhile-")));
  bench = await createActivityBench({ IMPORT_ROOTS: root });
  page = createInvokeAiPage(bench.simulator.url);
});
beforeEach(async () => {
  for (const name of await page.names()) await page.delete(name);
  await bench.simulator.control.clearFaults();
  await bench.db.execute(sql`truncate mirrored_images, mirrored_boards, photos, albums cascade`);
});
afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});
afterAll(async () => {
  await bench.close();
  await rm(root, { recursive: true, force: true });
});

const run = (work: (pass: MirrorPass) => Promise<unknown>) => runPass(bench, work);

async function purgeAll(): Promise<void> {
  const ids = (await bench.db.select({ id: photos.id }).from(photos)).map(({ id }) => id);
  await claimPurge(bench.db, { ids, now: new Date() });
  await finishPurge(bench.db, ids);
}

const releases: (() => Promise<unknown>)[] = [];

/** Holds locks until it is released; what is given runs in the transaction just before that. */
async function hold(lock: (tx: Tx) => Promise<unknown>) {
  const { promise: isHeld, resolve: held } = Promise.withResolvers<void>();
  const { promise: ending, resolve: end } = Promise.withResolvers<typeof lock>();
  const holding = bench.db.transaction(async (tx) => {
    await lock(tx);
    held();
    const last = await ending;
    await last(tx);
  });
  await Promise.race([isHeld, holding]);
  const release = async (last: typeof lock = async () => {}): Promise<void> => {
    end(last);
    await holding;
  };
  releases.push(release);
  return release;
}

/** Keeps others from writing to a table; they can read it. */
const holdTable = (table: string) =>
  hold((tx) => tx.execute(sql`lock table ${sql.identifier(table)} in share row exclusive mode`));

/** Waits until a connection of the bench waits for a lock; returns its process. */
const blocked = () =>
  until("a statement that waits for a lock", async () => {
    const [found] = await bench.db.execute<{ pid: number }>(sql`
      select pid from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`);
    return found?.pid;
  });

/** Ends a connection, as the death of its worker does. */
const cut = (pid: number) => bench.db.execute(sql`select pg_terminate_backend(${pid})`);

/** Ends the connection of this work when it is about to note in this table what it takes; no photo is seen until then. */
async function dieBeforeNoting(table: string, begin: () => Promise<unknown>): Promise<void> {
  const release = await holdTable(table);
  const working = begin();
  const pid = await blocked();
  expect(await bench.db.$count(photos)).toBe(0);
  await cut(pid);
  await release();
  expect(await working).toBeInstanceOf(Error);
}

test("nobody can see and delete a mirrored photo before its picture counts as taken, also when the worker dies", async () => {
  const board = await page.makeBoard("Quay");
  const [name] = await page.draw([nextDrawing()], board);
  await page.star(name!);
  await dieBeforeNoting("mirrored_images", () => run(takeNewest));
  expect(await bench.db.$count(photos)).toBe(0);

  expect(await run(takeNewest)).toBe(true);
  expect(await bench.db.select().from(photos)).toMatchObject([
    { filename: name, isFavorite: true },
  ]);
  expect(await bench.db.$count(albumPhotos)).toBe(1);
  await purgeAll();
  await run((pass) => compareAll(pass, undisturbed));
  expect(await bench.db.$count(photos)).toBe(0);
});

test("a picture whose bytes are an upload that is deleted for good meanwhile is noted, and does not come", async () => {
  const [name] = await page.draw([nextDrawing()], await page.makeBoard("Mole"));
  const { id } = await insertPhoto(bench.db, { contentHash: sha256Of(await page.bytesOf(name!)) });
  const isPhoto = eq(photos.id, id);
  const release = await hold((tx) => tx.select().from(photos).where(isPhoto).for("update"));
  const passing = run(takeNewest);
  await blocked();
  await release((tx) => tx.delete(photos).where(isPhoto));
  expect(await passing).toBe(true);
  await run((pass) => compareAll(pass, undisturbed));
  expect(await bench.db.$count(photos)).toBe(0);
  expect(await bench.db.select().from(mirroredImages)).toMatchObject([
    { imageName: name, outcome: "known", photoId: null },
  ]);
});

test("a worker that lags behind the one that replaced it brings no photo back that was deleted for good", async () => {
  await page.draw([nextDrawing()]);
  const { promise: areStored, resolve: stored } = Promise.withResolvers<void>();
  const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
  const lagging = run(({ deps, ...pass }) => {
    const storage: typeof deps.storage = {
      ...deps.storage,
      async commit(...args) {
        await deps.storage.commit(...args);
        stored();
        await mayGoOn;
      },
    };
    return takeNewest({ ...pass, deps: { ...deps, storage } });
  });
  await areStored;
  expect(await run(takeNewest)).toBe(true);
  expect(await bench.db.$count(photos)).toBe(1);
  await purgeAll();
  goOn();
  expect(await lagging).toBe(true);
  expect(await bench.db.$count(photos)).toBe(0);
});

test("a picture that is announced while it is taken is fetched once", async () => {
  const drawn = await page.draw(Array.from({ length: 6 }, () => nextDrawing()));
  await bench.simulator.control.addFault({ kind: "delay", delayMs: 300, route: "imageFull" });
  const fetched: string[] = [];
  let hasLooked = false;
  const ended = await run((pass) => {
    const watched = watchingDownloads(pass, (imageName) => fetched.push(imageName));
    return compareAll(watched, {
      isHinted: () => fetched.length > 0 && !hasLooked,
      async look() {
        hasLooked ||= fetched.length > 0;
        await takeNewest(watched);
        return true;
      },
    });
  });
  expect(ended).toEqual({ isComplete: true });
  expect(fetched.toSorted()).toEqual(drawn.toSorted());
  expect(await bench.db.$count(photos)).toBe(6);
});

test("the rest of a deleted photo, kept for its lineage, comes into no album and is no favourite", async () => {
  const [from, to] = [await page.makeBoard("From"), await page.makeBoard("To")];
  const [name] = await page.draw([nextDrawing()], from);
  await run(takeNewest);
  const [photo] = await bench.db.select().from(photos);
  await insertPhoto(bench.db, { sourceImageId: photo!.id });
  await claimPurge(bench.db, { ids: [photo!.id], now: new Date() });
  await finishPurge(bench.db, [photo!.id]);
  await page.putOnBoard(name!, to);
  await page.star(name!);
  await run((pass) => compareAll(pass, undisturbed));
  expect(await bench.db.select().from(mirroredImages)).toMatchObject([
    { photoId: photo!.id, boardId: to, isStarred: true },
  ]);
  expect(await bench.db.$count(albumPhotos)).toBe(0);
  expect(await bench.db.$count(photos, eq(photos.isFavorite, true))).toBe(0);
});

/** A folder with one picture in `sea/`, and its import into albums. */
async function importOne({ watches }: { watches: boolean }) {
  const path = join(root, crypto.randomUUID());
  await mkdir(join(path, "sea"), { recursive: true });
  await writeFile(join(path, "sea", "a.png"), await pngOfShade((shade += 1)));
  const importId = crypto.randomUUID();
  await bench.db.transaction((tx) =>
    insertImport(tx, { id: importId, path, root, makesAlbums: true, watches }),
  );
  await bench.run("beginImport", { importId });
  return { importId, row: async () => (await findImport(bench.db, importId))! };
}

type OneImport = Awaited<ReturnType<typeof importOne>>;

/** Watches; returns the fault that ends it. */
const watch = ({ importId }: OneImport): Promise<unknown> =>
  bench.run("watchFolder", { importId, patienceMs: 20 }).catch((fault: unknown) => fault);

/** Watches until the picture is settled and the folder was looked at once more. */
async function watchToEnd(one: OneImport): Promise<void> {
  const watching = watch(one);
  const settled = await until("a settled picture", async () => {
    const row = await one.row();
    return row.found > 0 && row;
  });
  await until("one more look", async () => {
    const { lookedAt } = await one.row();
    return lookedAt !== null && (!settled.lookedAt || lookedAt > settled.lookedAt);
  });
  await requestImportCancel(bench.db, { id: one.importId, now: new Date() });
  expect(await watching).toMatchObject({ isEnded: true });
}

test("nobody can see and delete the photo of a watched file before its bytes count as taken, also when the worker dies", async () => {
  const one = await importOne({ watches: true });
  await dieBeforeNoting("watched_contents", () => watch(one));
  await watchToEnd(one);
  expect(await one.row()).toMatchObject({ imported: 1, duplicates: 0, found: 1 });
  expect(await bench.db.$count(photos)).toBe(1);
  expect(await bench.db.$count(albumPhotos)).toBe(1);
});

test.each([
  ["is counted as imported", false, { imported: 1, duplicates: 0 }, 1],
  ["and whose photo is then deleted for good is not taken again", true, { imported: 0 }, 0],
])("a watched file that a worker takes and dies %s", async (_, isDeleted, counts, left) => {
  const one = await importOne({ watches: true });
  const releasePhoto = await holdTable("watched_contents");
  const watching = watch(one);
  await blocked();
  // The photo can be made now, but its file cannot be settled.
  const releaseFile = await hold((tx) =>
    tx.execute(sql`select from photo_imports where id = ${one.importId} for no key update`),
  );
  await releasePhoto();
  await until("a photo", async () => (await bench.db.$count(photos)) === 1);
  const pid = await blocked();
  await cut(pid);
  await releaseFile();
  expect(await watching).toBeInstanceOf(Error);
  if (isDeleted) await purgeAll();
  await watchToEnd(one);
  expect(await one.row()).toMatchObject({ ...counts, found: 1, failed: 0 });
  expect(await bench.db.$count(photos)).toBe(left);
  expect(await bench.db.$count(albumPhotos)).toBe(left);
});

test("a photo that is deleted for good before it is in the album of its folder does not come again", async () => {
  const { importId, row } = await importOne({ watches: false });
  const release = await holdTable("albums");
  const slice = bench.run("importSlice", { importId });
  await blocked();
  expect(await bench.db.$count(photos)).toBe(1);
  await release((tx) => tx.delete(photos));
  expect(await slice).toMatchObject({ state: "completed" });
  expect(await row()).toMatchObject({ imported: 1, failed: 0 });
  expect(await bench.db.$count(photos)).toBe(0);
  expect(await bench.db.$count(albums)).toBe(1);
});
