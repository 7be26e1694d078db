import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { listSlots } from "#db/queries/steps/attempts";
import { reopenSlots } from "#db/queries/generation/step-retries";
import { photos } from "#db/schema/photos";
import type { Attempt } from "#db/schema/steps";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(() => bench.simulator.control.clearFaults());

afterAll(() => bench.close());

async function runBatch(attempt: { batchId: string }): Promise<string[]> {
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  await bench.simulator.control.until(({ queue }) => queue.pending + queue.inProgress === 0);
  const { photoIds } = await bench.run("watchBatch", { batchId: attempt.batchId });
  await bench.run("settleAttempt", { batchId: attempt.batchId });
  return photoIds;
}

async function photoOf(photoId: string) {
  const [photo] = await bench.db.select().from(photos).where(eq(photos.id, photoId));
  if (!photo?.invokeId) throw new Error("no photo with an image");
  return { ...photo, invokeId: photo.invokeId };
}

const deleteThere = async (photoId: string) => {
  const { invokeId } = await photoOf(photoId);
  await fetch(`${bench.simulator.url}/api/v1/images/i/${invokeId}`, { method: "DELETE" });
};
const fetchImage = (photoId: string) => bench.run("retrieveImage", { photoId });
const statuses = async ({ stepId }: Attempt) =>
  (await listSlots(bench.db, stepId)).map(({ status }) => status);
const reopen = ({ stepId }: Attempt) => bench.db.transaction((tx) => reopenSlots(tx, stepId));

test("an image that InvokeAI no longer has fails at once, with the reason, and its slot is lost", async () => {
  const attempt = await bench.createAttempt([10, 11]);
  const [kept, gone] = await runBatch(attempt);
  await deleteThere(gone!);
  expect(await fetchImage(kept!)).toEqual({ state: "completed" });
  expect(await fetchImage(gone!)).toMatchObject({ state: "given up", attempts: 1 });
  expect(await statuses(attempt)).toEqual(["filled", "lost"]);
  expect((await photoOf(gone!)).retrievalError).toBe(
    "InvokeAI no longer has the image. Run the step again to generate it anew.",
  );
  const { tally } = await bench.run("countImages", attempt);
  expect(tally).toMatchObject({
    filled: 1,
    failed: 1,
    error: {
      code: "invokeai_retrieval_error",
      message: "InvokeAI made an image of this step, but no longer has it.",
      suggestion: "Run the step again to generate it anew.",
    },
  });
});

test.each(["truncated_png", "wrong_size_png"] as const)(
  "a broken file from InvokeAI (%s) has an error message of its own, not the one for uploads",
  async (kind) => {
    await bench.simulator.control.addFault({ kind, route: "imageFull", times: 1 });
    const [photoId] = await runBatch(await bench.createAttempt([kind.length]));
    expect(await fetchImage(photoId!)).toMatchObject({ state: "waiting", attempts: 1 });
    expect((await photoOf(photoId!)).retrievalError).toBe(
      "InvokeAI sent a file that is broken, or is not the image that was asked for.",
    );
    expect(await fetchImage(photoId!)).toEqual({ state: "completed" });
  },
);

test("a lost image is generated again with its seed, for the same photo", async () => {
  const attempt = await bench.createAttempt([20, 21]);
  const [gone, kept] = await runBatch(attempt);
  await deleteThere(gone!);
  await fetchImage(gone!);
  const before = await photoOf(gone!);
  expect(await reopen(attempt)).toBe(1);
  const next = await bench.openNext(attempt.stepId);
  expect(await runBatch(next!)).toEqual([gone!]);
  expect(await statuses(attempt)).toEqual(["filled", "filled"]);
  const after = await photoOf(gone!);
  expect(after).toMatchObject({ retrievalStatus: "pending", retrievalError: null });
  expect(after.invokeId).not.toBe(before.invokeId);
  expect(await fetchImage(gone!)).toEqual({ state: "completed" });
  const { generated } = await bench.simulator.control.state();
  const made = generated.filter(({ batchId }) => batchId.startsWith(attempt.stepId));
  expect(made.map(({ seed }) => seed)).toEqual([20, 21, 20]);
  expect((await photoOf(kept!)).retrievalStatus).toBe("pending");
});

test("an image lost while its batch runs is not reported as a new one: one failure, one event", async () => {
  const { control } = bench.simulator;
  await control.holdStep({ item: 1, step: 1 });
  const attempt = await bench.createAttempt([24, 25]);
  await bench.run("enqueueBatch", { batchId: attempt.batchId, graceMs: 500 });
  await control.until(({ frozen }) => frozen !== null);
  const { photoIds } = await bench.run("watchBatch", attempt);
  const [gone] = photoIds;
  await deleteThere(gone!);
  expect(await fetchImage(gone!)).toMatchObject({ state: "given up", attempts: 1 });
  const watching = bench.run("watchBatch", attempt);
  await control.release();
  const seen = await watching;
  expect(seen.photoIds).not.toContain(gone!);
  await control.until(({ queue }) => queue.pending + queue.inProgress === 0);
  await bench.run("settleAttempt", attempt);
  expect(await statuses(attempt)).toEqual(["lost", "filled"]);
  expect(await photoOf(gone!)).toMatchObject({ retrievalStatus: "failed", retrievalAttempts: 1 });
  const [events] = await bench.sql`
    select count(*)::int as amount from events where data->>'photo_id' = ${gone!}
      and type in ('photo.retrieval_failed', 'photo.retrieval_retried')`;
  expect(events?.amount).toBe(1);
});

test("a download that trickles in fails its attempt, and the next attempt succeeds", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([28]);
  const [photoId] = await runBatch(attempt);
  await control.addFault({ kind: "dripped_body", route: "imageFull", everyMs: 50 });
  expect(await fetchImage(photoId!)).toMatchObject({ state: "waiting", attempts: 1 });
  expect((await photoOf(photoId!)).retrievalError).toContain("in time");
  await control.clearFaults();
  expect(await fetchImage(photoId!)).toEqual({ state: "completed" });
}, 60_000);

test("a lost image that the owner deleted, to the trash or permanently, is not generated again", async () => {
  const attempt = await bench.createAttempt([30, 31]);
  const [trashed, purged] = await runBatch(attempt);
  for (const id of [trashed!, purged!]) {
    await deleteThere(id);
    await fetchImage(id);
  }
  await bench.db.update(photos).set({ deletedAt: new Date() }).where(eq(photos.id, trashed!));
  await bench.db.delete(photos).where(eq(photos.id, purged!));
  expect(await reopen(attempt)).toBe(0);
  expect(await statuses(attempt)).toEqual(["lost", "lost"]);
});

test("a lost image that reappears fills its slot again", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([40]);
  const [photoId] = await runBatch(attempt);
  await control.addFault({ kind: "not_found", route: "imageFull", times: 1 });
  await fetchImage(photoId!);
  expect(await statuses(attempt)).toEqual(["lost"]);
  await bench.sql`update photos set retrieval_status = 'pending' where id = ${photoId!}`;
  expect(await fetchImage(photoId!)).toEqual({ state: "completed" });
  expect(await statuses(attempt)).toEqual(["filled"]);
});

test("a 404 from another program at InvokeAI's address does not make an image lost", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([50]);
  const [photoId] = await runBatch(attempt);
  await control.addFault({ kind: "not_found", route: "any" });
  expect(await fetchImage(photoId!)).toMatchObject({ state: "waiting" });
  await control.clearFaults();
  expect(await fetchImage(photoId!)).toEqual({ state: "completed" });
});

test("an image whose file in InvokeAI is broken counts as lost after the last attempt", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([60]);
  const [photoId] = await runBatch(attempt);
  await control.addFault({ kind: "truncated_png", route: "imageFull" });
  for (const _ of [1, 2, 3, 4]) expect((await fetchImage(photoId!)).state).toBe("waiting");
  expect(await statuses(attempt)).toEqual(["filled"]);
  expect((await fetchImage(photoId!)).state).toBe("given up");
  expect(await statuses(attempt)).toEqual(["lost"]);
});

test("an image that was not fetched because InvokeAI was away is not lost", async () => {
  const { control } = bench.simulator;
  const attempt = await bench.createAttempt([70]);
  const [photoId] = await runBatch(attempt);
  await control.addFault({ kind: "status_500_text", route: "imageFull" });
  for (const _ of [1, 2, 3, 4, 5]) await fetchImage(photoId!);
  expect((await photoOf(photoId!)).retrievalStatus).toBe("failed");
  expect(await statuses(attempt)).toEqual(["filled"]);
  expect(await reopen(attempt)).toBe(0);
});
