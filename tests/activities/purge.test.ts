import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { claimPurge } from "#db/queries/photos/purge";
import { photos } from "#db/schema/photos";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import { createDiskStorage } from "#media/storage/disk";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { listFiles } from "#tests/support/library";
import { insertPhoto } from "#tests/support/rows";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterAll(() => bench.close());

const day = 24 * 60 * 60 * 1_000;
const daysAgo = (days: number) => new Date(Date.now() - days * day);
const purge = () => bench.run("purgeTrash", {});

const rowOf = async (id: string) =>
  (await bench.db.select().from(photos).where(eq(photos.id, id)))[0];

async function storedPhoto(overrides: Parameters<typeof insertPhoto>[1] = {}): Promise<string> {
  const photo = await insertPhoto(bench.db, overrides);
  const storage = createDiskStorage({ dataDir: bench.dataDir });
  const { id, kind } = photo;
  for (const key of [
    originalKey({ kind, id, mimeType: "image/png" }),
    previewKey(id),
    thumbnailKey(id),
  ]) {
    await storage.put(key, Buffer.from("bytes"));
  }
  return id;
}

const filesOf = async (id: string) =>
  (
    await Promise.all(
      (["uploaded", "generated", "thumbnails"] as const).map((kind) =>
        listFiles(bench.dataDir, kind),
      ),
    )
  )
    .flat()
    .filter((path) => path.includes(id));

describe("emptying the trash", () => {
  test("purges the photos older than the retention, and nothing else", async () => {
    const [old, recent, kept] = [
      await storedPhoto({ deletedAt: daysAgo(31) }),
      await storedPhoto({ deletedAt: daysAgo(29) }),
      await storedPhoto({ createdAt: daysAgo(400) }),
    ];
    expect(await purge()).toEqual({ photos: 1, nodes: 0 });
    expect([await rowOf(old), await filesOf(old)]).toEqual([undefined, []]);
    for (const id of [recent, kept]) {
      expect(await rowOf(id)).toMatchObject({ purgedAt: null, filename: "photo.png" });
      expect(await filesOf(id)).toHaveLength(3);
    }
    expect(await purge()).toEqual({ photos: 0, nodes: 0 });
  });

  test("finishes a purge that was interrupted before its files were removed, also of a photo being fetched", async () => {
    const [first, fetching] = [
      await storedPhoto(),
      await storedPhoto({
        kind: "generated",
        retrievalStatus: "processing",
        mimeType: null,
        width: null,
      }),
    ];
    await claimPurge(bench.db, { ids: [first, fetching], now: new Date() });
    expect(await purge()).toMatchObject({ photos: 2 });
    for (const id of [first, fetching]) {
      expect([await rowOf(id), await filesOf(id)]).toEqual([undefined, []]);
    }
  });

  test("works in slices, and two concurrent runs purge each photo once", async () => {
    const ids = await Promise.all(
      Array.from({ length: 250 }, () => insertPhoto(bench.db, { deletedAt: daysAgo(40) })),
    );
    const runs = await Promise.all([purge(), purge()]);
    expect(runs[0].photos + runs[1].photos).toBe(ids.length);
    expect(await bench.db.$count(photos, eq(photos.id, ids[0]!.id))).toBe(0);
  });

  test("deletes a lineage node with its last descendant", async () => {
    const source = await storedPhoto({ deletedAt: daysAgo(40) });
    const child = await insertPhoto(bench.db, { sourceImageId: source });
    expect(await purge()).toEqual({ photos: 1, nodes: 0 });
    expect(await rowOf(source)).toMatchObject({ mimeType: null, filename: "" });
    await bench.db.delete(photos).where(eq(photos.id, child.id));
    expect(await purge()).toEqual({ photos: 0, nodes: 1 });
    expect(await rowOf(source)).toBeUndefined();
  });

  test("purges the others when the files of one photo cannot be removed, and fails with its error", async () => {
    const [odd, fine] = [
      await insertPhoto(bench.db, { mimeType: "image/unheard", deletedAt: daysAgo(40) }),
      await storedPhoto({ deletedAt: daysAgo(40) }),
    ];
    const failure = await purge().catch((error: Error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(await rowOf(fine)).toBeUndefined();
    expect(await rowOf(odd.id)).toMatchObject({ mimeType: "image/unheard", filename: "" });
    await bench.db.delete(photos).where(eq(photos.id, odd.id));
  });
});

test("an image that is purged while it is fetched leaves no file", async () => {
  const attempt = await bench.createAttempt([900]);
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  await bench.simulator.control.until(({ queue }) => queue.pending + queue.inProgress === 0);
  const [photoId = ""] = (await bench.run("watchBatch", attempt)).photoIds;
  await bench.simulator.control.addFault({ kind: "request_held", route: "imageFull", times: 1 });
  const fetching = bench.run("retrieveImage", { photoId });
  await bench.simulator.control.until((state) => state.held.length > 0);
  await claimPurge(bench.db, { ids: [photoId], now: new Date() });
  await bench.simulator.control.release();
  await fetching;
  expect(await filesOf(photoId)).toEqual([]);
}, 60_000);
