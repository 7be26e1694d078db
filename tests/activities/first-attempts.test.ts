import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { photos, retrievalClaims } from "#db/schema/photos";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { until } from "#tests/support/wait";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(() => bench.simulator.control.clearFaults());

afterAll(() => bench.close());

async function makePhotos(seeds: number[]): Promise<string[]> {
  const { batchId } = await bench.createAttempt(seeds);
  const photoIds: string[] = [];
  for (;;) {
    const seen = await bench.run("runBatch", { batchId, graceMs: 500 });
    photoIds.push(...seen.photoIds);
    if (seen.tally) return photoIds;
  }
}

const rowOf = async (id: string) =>
  (await bench.db.select().from(photos).where(eq(photos.id, id)))[0];
const downloads = async () => (await bench.simulator.control.state()).downloads.length;
const claims = () => bench.db.select().from(retrievalClaims);

/** A claim of another worker, running or killed. */
async function claimElsewhere(photoId: string, forMs: number): Promise<void> {
  await bench.sql`insert into retrieval_claims (photo_id, holder, expires_at)
    values (${photoId}, ${crypto.randomUUID()}, now() + ${forMs}::int * interval '1 millisecond')
    on conflict (photo_id) do update set holder = excluded.holder, expires_at = excluded.expires_at`;
}

test("failed first attempts are counted and returned, and a repeated activity makes none again", async () => {
  const photoIds = await makePhotos([100, 101, 102]);
  await bench.simulator.control.addFault({ kind: "status_500_json", route: "imageFull", times: 1 });
  const before = await downloads();
  const { failed } = await bench.run("fetchImages", { photoIds });
  expect(failed).toHaveLength(1);
  expect(failed[0]?.after).toMatchObject({
    attempts: 1,
    reason: expect.stringContaining("Invoke"),
  });
  expect((await downloads()) - before).toBe(3);
  expect(await bench.run("fetchImages", { photoIds })).toEqual({ failed, away: [] });
  expect((await downloads()) - before).toBe(3);
  expect(await rowOf(failed[0]!.photoId)).toMatchObject({
    retrievalStatus: "pending",
    retrievalAttempts: 1,
  });
  expect(await claims()).toEqual([]);
});

test("an image whose first attempt fails permanently is not retried", async () => {
  const [photoId = ""] = await makePhotos([110]);
  await bench.simulator.control.addFault({ kind: "not_found", route: "imageFull", times: 1 });
  expect(await bench.run("fetchImages", { photoIds: [photoId] })).toEqual({ failed: [], away: [] });
  expect(await rowOf(photoId)).toMatchObject({ retrievalStatus: "failed", retrievalAttempts: 1 });
});

test("an image that another worker is fetching is fetched only after that worker's claim has expired", async () => {
  const [photoId = ""] = await makePhotos([120]);
  await claimElsewhere(photoId, 1_000);
  const before = await downloads();
  const startedAt = performance.now();
  expect(await bench.run("retrieveImage", { photoId })).toEqual({ state: "completed" });
  expect(performance.now() - startedAt).toBeGreaterThan(900);
  expect((await downloads()) - before).toBe(1);
});

test("a fetch fails when another worker takes over its claim, and leaves that claim alone", async () => {
  const { control } = bench.simulator;
  const [photoId = ""] = await makePhotos([130]);
  await control.addFault({ kind: "request_held", route: "imageFull", times: 1 });
  const fetching = bench
    .run("retrieveImage", { photoId }, { heartbeatTimeoutMs: 300 })
    .catch((error: unknown) => error);
  await control.until(({ held }) => held.length > 0);
  const [first] = await claims();
  const renewed = async () => (await claims())[0]!.expiresAt > first!.expiresAt;
  await until("the claim to be renewed", renewed);
  await claimElsewhere(photoId, 60_000);
  expect(await fetching).toBeInstanceOf(Error);
  expect(await claims()).toHaveLength(1);
  expect((await claims())[0]?.holder).not.toBe(first!.holder);
  await bench.db.delete(retrievalClaims);
  await control.clearFaults();
  expect(await bench.run("retrieveImage", { photoId })).toEqual({ state: "completed" });
});
