import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { findAttempt, listSlots } from "#db/queries/steps/attempts";
import { findStep } from "#db/queries/steps/steps";
import { photos } from "#db/schema/photos";
import type { Attempt } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { listFiles, listUnfinished } from "#tests/support/library";
import { until } from "#tests/support/wait";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(() => bench.simulator.control.clearFaults());

afterAll(() => bench.close());

async function sendBatch(seeds: number[]): Promise<Attempt> {
  const attempt = await bench.createAttempt(seeds);
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  return attempt;
}

const isIdle = () =>
  bench.simulator.control.until(({ queue }) => queue.pending + queue.inProgress === 0);

const photosOf = ({ stepId }: Attempt) =>
  bench.db.select().from(photos).where(eq(photos.stepId, stepId)).orderBy(photos.slotIndex);

async function makePhoto(seed: number): Promise<string> {
  const attempt = await sendBatch([seed]);
  await isIdle();
  const { photoIds } = await bench.run("watchBatch", attempt);
  const [photoId] = photoIds;
  if (photoId === undefined) throw new Error("no photo");
  return photoId;
}

describe("watching a batch", () => {
  test("run twice, each image has one photo, returned once", async () => {
    const attempt = await sendBatch([100, 101, 102]);
    await isIdle();
    const first = await bench.run("watchBatch", attempt);
    expect(first).toMatchObject({ ended: true });
    const second = await bench.run("watchBatch", attempt);
    expect(second).toMatchObject({ photoIds: [], ended: true });
    const rows = await photosOf(attempt);
    expect(rows.map(({ generation }) => generation?.seed)).toEqual([100, 101, 102]);
    expect(rows.map(({ id }) => id)).toEqual(first.photoIds);
  });

  test("run by two workers at once, each image has one photo", async () => {
    const attempt = await sendBatch([110, 111]);
    await isIdle();
    const seen = await Promise.all([
      bench.run("watchBatch", attempt),
      bench.run("watchBatch", attempt),
    ]);
    const rows = await photosOf(attempt);
    expect(rows).toHaveLength(2);
    expect(seen.flatMap(({ photoIds }) => photoIds).toSorted()).toEqual(
      rows.map(({ id }) => id).toSorted(),
    );
    expect((await listSlots(bench.db, attempt.stepId)).map(({ status }) => status)).toEqual([
      "filled",
      "filled",
    ]);
  });

  test("while InvokeAI does not answer, the step says so; the message is cleared when InvokeAI answers again", async () => {
    const { control } = bench.simulator;
    const attempt = await sendBatch([120]);
    await isIdle();
    await control.addFault({ kind: "status_502_html", route: "listAll" });
    const message = async () => (await findStep(bench.db, attempt.stepId))?.progressMessage;
    const watching = bench.run("watchBatch", attempt);
    expect(await until("a message about it", message)).toContain("InvokeAI is busy or starting.");
    await control.clearFaults();
    await watching;
    expect(await message()).toBeNull();
  });
});

describe("settling a batch", () => {
  test("run twice, an image without an item that names it is adopted once", async () => {
    const { control } = bench.simulator;
    await control.holdStep({ item: 0, step: "saved" });
    const attempt = await sendBatch([200]);
    await control.until(({ frozen }) => frozen !== null);
    await control.restart();
    for (const _ of [1, 2]) await bench.run("settleAttempt", attempt);
    const rows = await photosOf(attempt);
    const { generated } = await control.state();
    const made = generated.find(({ batchId }) => batchId === attempt.batchId);
    expect(rows.map(({ invokeId }) => invokeId)).toEqual([made?.imageName ?? ""]);
    expect((await findAttempt(bench.db, attempt.batchId))?.outcome).toBe("finished");
  });

  test.each(["recorded", "half_written"] as const)(
    "an image that is %s when InvokeAI is killed is not adopted, and its slot stays open",
    async (step) => {
      const { control } = bench.simulator;
      await control.holdStep({ item: 1, step });
      const attempt = await sendBatch(step === "recorded" ? [210, 211] : [212, 213]);
      await control.until(({ frozen }) => frozen !== null);
      await control.restart();
      await isIdle();
      expect(await bench.invokeai.findBatchImages(attempt.batchId)).toHaveLength(2);
      expect(await bench.run("settleAttempt", attempt)).toMatchObject({ filled: 1, open: 1 });
      expect((await findAttempt(bench.db, attempt.batchId))?.outcome).toBe("interrupted");
      expect(await photosOf(attempt)).toHaveLength(1);
    },
  );

  test.each(["deleted", "cancelled"] as const)(
    "a batch %s in InvokeAI while its image is decoded is settled after the image is saved, and adopts it",
    async (how) => {
      const { control } = bench.simulator;
      await control.holdStep({ item: 0, step: "decoding" });
      const attempt = await sendBatch([how === "deleted" ? 205 : 206]);
      await control.until(({ frozen }) => frozen !== null);
      if (how === "deleted") await control.vanishBatch(attempt.batchId);
      else await bench.invokeai.cancelBatch(attempt.batchId);
      const checks = async () => (await control.state()).requests.queueStatus ?? 0;
      const before = await checks();
      const settling = bench.run("settleAttempt", attempt);
      await until("two checks of the running item", async () => (await checks()) >= before + 2);
      expect(await photosOf(attempt)).toEqual([]);
      await control.release();
      expect(await settling).toMatchObject({ filled: 1, open: 0 });
      expect((await findAttempt(bench.db, attempt.batchId))?.outcome).toBe("finished");
    },
  );

  test("run twice, the slot of an interrupted image stays open, and a failed one has its reason", async () => {
    const { control } = bench.simulator;
    await control.addFault({
      kind: "item_failure",
      item: 0,
      errorType: "OutOfMemoryError",
      errorMessage: "CUDA out of memory",
    });
    await control.holdStep({ item: 1, step: 1 });
    const attempt = await sendBatch([210, 211]);
    await control.until(({ frozen }) => frozen !== null);
    await control.restart();
    await bench.run("settleAttempt", attempt);
    const settled = await findAttempt(bench.db, attempt.batchId);
    await bench.run("settleAttempt", attempt);
    expect(await findAttempt(bench.db, attempt.batchId)).toEqual(settled);
    expect(settled?.outcome).toBe("interrupted");
    expect((await findStep(bench.db, attempt.stepId))?.progressMessage).toContain(
      "requested again",
    );
    expect(await listSlots(bench.db, attempt.stepId)).toMatchObject([
      { status: "failed", error: { message: "InvokeAI ran out of memory." } },
      { status: "open", error: null },
    ]);
    expect(await photosOf(attempt)).toEqual([]);
  });
});

describe("fetching an image", () => {
  const fetchImage = (photoId: string) => bench.run("retrieveImage", { photoId });
  const downloads = async () => (await bench.simulator.control.state()).downloads.length;
  const filesOf = async (photoId: string) =>
    (await listFiles(bench.dataDir, "generated")).filter((path) => path.includes(photoId));

  test("run twice, it is fetched once", async () => {
    const photoId = await makePhoto(300);
    const before = await downloads();
    expect(await fetchImage(photoId)).toEqual({ state: "completed" });
    expect(await fetchImage(photoId)).toEqual({ state: "nothing to do" });
    expect((await downloads()) - before).toBe(1);
    expect(await filesOf(photoId)).toHaveLength(1);
  });

  test("run by two workers at once, it is fetched once into one file and one complete row", async () => {
    const photoId = await makePhoto(310);
    const before = await downloads();
    await Promise.all([fetchImage(photoId), fetchImage(photoId)]);
    expect((await downloads()) - before).toBe(1);
    const [row] = await bench.db.select().from(photos).where(eq(photos.id, photoId));
    expect(row).toMatchObject({ retrievalStatus: "completed", retrievalAttempts: 0, width: 64 });
    expect(await filesOf(photoId)).toHaveLength(1);
    expect(await listUnfinished(bench.dataDir)).toEqual([]);
  });

  test("a file whose row a killed worker did not write is used, not fetched again", async () => {
    const photoId = await makePhoto(320);
    await fetchImage(photoId);
    const [whole] = await bench.db.select().from(photos).where(eq(photos.id, photoId));
    await bench.sql`update photos set retrieval_status = 'processing', content_hash = null,
      file_size = null, width = null, height = null, mime_type = null, thumbhash = null
      where id = ${photoId}`;
    const before = await downloads();
    expect(await fetchImage(photoId)).toEqual({ state: "completed" });
    expect(await downloads()).toBe(before);
    const [again] = await bench.db.select().from(photos).where(eq(photos.id, photoId));
    expect(again).toEqual(whole);
  });

  test("each failed attempt is counted, the last one fails the photo, and no files are left", async () => {
    const photoId = await makePhoto(330);
    await bench.simulator.control.addFault({ kind: "truncated_png", route: "imageFull" });
    const states: string[] = [];
    for (const _ of [1, 2, 3, 4, 5, 6]) states.push((await fetchImage(photoId)).state);
    expect(states).toEqual([
      "waiting",
      "waiting",
      "waiting",
      "waiting",
      "given up",
      "nothing to do",
    ]);
    expect(await filesOf(photoId)).toEqual([]);
    expect(await listUnfinished(bench.dataDir)).toEqual([]);
  });
});
