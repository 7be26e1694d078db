import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import type { FindPodAddress } from "#activities/backend/places";
import { findBackend } from "#db/queries/backends/backends";
import { getPlaceInForce, putInForce } from "#db/queries/backends/in-force";
import { findWaits } from "#db/queries/line/line";
import { resolveModels } from "#db/queries/models/model-lookup";
import { findModel, findModelsSyncedAt } from "#db/queries/models/models";
import { listSlots, openAttempt } from "#db/queries/steps/attempts";
import { endStep, findStep, startStep } from "#db/queries/steps/steps";
import { photos } from "#db/schema/photos";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { insertPod } from "#tests/support/pod-rows";

const volume = "volume:v1";
const pod = "pod:00000000-0000-7000-8000-000000000001";
const renting = "Renting a GPU: NVIDIA RTX A4000 is sold out.";

let bench: ActivityBench;
/** Answers at `volume` and `pod`, unless `addresses` says otherwise. */
let rented: Simulator;
const addresses = new Map<string, Awaited<ReturnType<FindPodAddress>>>();

beforeAll(async () => {
  rented = await startSimulator();
  const findPodAddress: FindPodAddress = async (place) =>
    addresses.get(place) ?? { baseUrl: rented.url, credentials: null };
  bench = await createActivityBench({}, undefined, { findPodAddress });
}, 60_000);
afterAll(async () => {
  await bench.close();
  await rented.stop();
});
beforeEach(async () => {
  addresses.clear();
  await bench.sql`delete from turns`;
  await putPlace("local");
});

const putPlace = (place: string) => bench.db.transaction((tx) => putInForce(tx, place));
const away = (place: string) => addresses.set(place, { away: renting });
const end = (place: string) => addresses.set(place, { gone: true });

const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A step that generates at a place: its batch is sent there. */
async function beginAt(place: string, seeds: number[]) {
  const { stepId, sessionId } = await bench.createStep(seeds);
  await startStep(bench.db, { step: (await findStep(bench.db, stepId))!, now: new Date() });
  const attempt = await openAttempt(bench.db, { stepId, backend: place, inOneBatch: (all) => all });
  const { batchId } = attempt!;
  await bench.run("enqueueBatch", { batchId, graceMs: 500 });
  return { stepId, sessionId, batchId };
}

/** A generated image that was not fetched yet. */
async function makeAt(place: string, seed: number) {
  const begun = await beginAt(place, [seed]);
  const { photoIds } = await bench.run("watchBatch", begun);
  return { ...begun, photoId: photoIds[0]! };
}

async function photoOf(photoId: string) {
  const [photo] = await bench.db.select().from(photos).where(eq(photos.id, photoId));
  return photo!;
}

const statuses = async (stepId: string) =>
  (await listSlots(bench.db, stepId)).map(({ status }) => status);
const seedsMadeBy = async ({ control }: Simulator, stepId: string) =>
  (await control.state()).generated
    .filter(({ batchId }) => batchId.startsWith(stepId))
    .map(({ seed }) => seed);

test("a sync with one place leaves the models of the others, and requests mean those of the place in force", async () => {
  const { key, hash } = (await findModel(bench.db, await keyOf("Woodcut Lines")))!;
  const other = await rented.control.rekeyModel(key);
  const localSync = await findModelsSyncedAt(bench.db);
  await putPlace(volume);
  expect(await findModelsSyncedAt(bench.db)).toBeNull();
  await bench.run("syncModels", {});
  expect(await findModel(bench.db, key)).toMatchObject({ isAvailable: false });
  expect(await findModel(bench.db, other)).toMatchObject({ isAvailable: true });
  expect((await resolveModels(bench.db, [{ key, hash }])).get(key)?.key).toBe(other);
  expect((await resolveModels(bench.db, [{ key: other }], "local")).get(other)?.key).toBe(key);

  await putPlace("local");
  expect(await findModelsSyncedAt(bench.db)).toEqual(localSync);
  expect(await findModel(bench.db, key)).toMatchObject({ isAvailable: true });
  expect(await findModel(bench.db, other)).toMatchObject({ isAvailable: false });
});

test("pods without a volume share one list of models, which stays when a pod ends", async () => {
  await putPlace(pod);
  await bench.run("syncModels", {});
  const key = await keyOf("Meadowlight v4");
  await putPlace("remote");
  expect(await findModel(bench.db, key)).toMatchObject({ isAvailable: true });
  expect(await findModelsSyncedAt(bench.db)).toBeInstanceOf(Date);
});

test("a refresh of the models of a place that is not running says what it waits for, and changes nothing", async () => {
  await putPlace(volume);
  await bench.run("syncModels", {});
  const before = await findModelsSyncedAt(bench.db);
  away(volume);
  expect(await bench.run("syncModels", {})).toEqual({ away: renting });
  expect(await findModelsSyncedAt(bench.db)).toEqual(before);
});

test("the line waits while the place in force is not running, says for what, and gets its turn there afterwards", async () => {
  await putPlace(volume);
  away(volume);
  const { stepId } = await bench.createStep([1]);
  expect(await bench.run("askForTurn", { stepId })).toMatchObject({ isUnchecked: true });
  await bench.run("checkBackend", {});
  expect(await bench.run("askForTurn", { stepId })).toMatchObject({
    backend: null,
    reason: renting,
  });
  expect((await findWaits(bench.db)).get(stepId)).toMatchObject({
    position: 1,
    waitReason: renting,
  });
  addresses.clear();
  expect(await bench.run("checkBackend", {})).toMatchObject({ backend: volume, ready: true });
  // A check of a place that is no longer in force grants nothing.
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(await bench.run("askForTurn", { stepId })).toMatchObject({ backend: null });
  // The signal to the run fails without a workflow service, after the grant.
  await bench.run("tendLine", { backend: volume, ready: true }).catch(() => {});
  expect(await bench.run("askForTurn", { stepId })).toMatchObject({ backend: volume });
});

test("a run keeps the place of its turn when another place is put in force, where the next turn is free", async () => {
  const [first, second] = [await bench.createStep([1]), await bench.createStep([2])];
  const ready = async (place: string) => {
    await putPlace(place);
    await bench.run("checkBackend", {});
    await bench.run("tendLine", { backend: place, ready: true }).catch(() => {});
  };
  await ready("local");
  expect(await bench.run("askForTurn", first)).toMatchObject({ backend: "local" });
  await ready(volume);
  expect(await bench.run("askForTurn", second)).toMatchObject({ backend: volume });
  expect(await bench.run("askForTurn", first)).toMatchObject({ backend: "local" });
  expect((await getPlaceInForce(bench.db)).ref).toBe(volume);
});

test("an image is fetched from the place that made it, whichever is in force", async () => {
  const { photoId } = await makeAt(volume, 11);
  expect(await bench.run("retrieveImage", { photoId })).toEqual({ state: "completed" });
});

test("an image whose place is not running waits, uncounted, and says for what; its step does not wait for it", async () => {
  const { photoId } = await makeAt(volume, 21);
  away(volume);
  expect(await bench.run("fetchImages", { photoIds: [photoId] })).toEqual({
    failed: [],
    away: [photoId],
  });
  const error = await errorOf(bench.run("retrieveImage", { photoId }));
  expect(error).toMatchObject({ message: renting, nonRetryable: false });
  expect(await photoOf(photoId)).toMatchObject({
    retrievalStatus: "pending",
    retrievalAttempts: 0,
    retrievalError: `${renting} The image is fetched once InvokeAI runs there again.`,
  });
  addresses.clear();
  expect(await bench.run("retrieveImage", { photoId })).toEqual({ state: "completed" });
});

test("an image whose place has ended fails at once; a live step requests it again, an ended one at a retry", async () => {
  const [live, ended] = [await makeAt(pod, 31), await makeAt(pod, 32)];
  const ending = { status: "completed" } as const;
  await endStep(bench.db, { stepId: ended.stepId, ending, now: new Date() });
  end(pod);
  for (const { photoId } of [live, ended]) {
    expect(await bench.run("retrieveImage", { photoId })).toMatchObject({
      state: "given up",
      attempts: 1,
      reason: expect.stringContaining("The rented GPU ended before the image was fetched."),
    });
  }
  expect(await statuses(live.stepId)).toEqual(["open"]);
  expect(await statuses(ended.stepId)).toEqual(["lost"]);
});

test("a step whose place has ended makes only the missing images, at another place", async () => {
  await rented.control.holdStep({ item: 2, step: 1 });
  const { stepId, batchId } = await beginAt(pod, [41, 42, 43]);
  await rented.control.until(({ frozen }) => frozen !== null);
  const photoIds: string[] = [];
  while (photoIds.length < 2) {
    photoIds.push(...(await bench.run("runBatch", { batchId, graceMs: 500 })).photoIds);
  }
  const [kept = "", lost = ""] = photoIds;
  expect(await bench.run("retrieveImage", { photoId: kept })).toEqual({ state: "completed" });
  end(pod);
  const settled = await bench.run("runBatch", { batchId, graceMs: 500 });
  expect(settled.tally).toMatchObject({
    filled: 1,
    open: 2,
    message: "The rented GPU has ended. 2 images are requested again.",
  });
  expect(await bench.run("retrieveImage", { photoId: lost })).toEqual({ state: "nothing to do" });

  expect(await bench.run("openAttempt", { stepId, backend: pod })).toBe("gone");
  expect(await findBackend(bench.db, pod)).toMatchObject({ connected: false, ready: false });
  const next = await bench.openNext(stepId);
  for (let tally; tally === undefined;) {
    ({ tally } = await bench.run("runBatch", { batchId: next!.batchId, graceMs: 500 }));
  }
  expect(await statuses(stepId)).toEqual(["filled", "filled", "filled"]);
  expect(await seedsMadeBy(bench.simulator, stepId)).toEqual([42, 43]);
  expect(await photoOf(lost)).toMatchObject({ backend: "local", retrievalStatus: "pending" });
  await rented.control.clearFaults();
});

test("a cancelled step whose place has ended keeps what was fetched, and waits for nothing there", async () => {
  await rented.control.holdStep();
  const { batchId } = await beginAt(pod, [51]);
  end(pod);
  const patience = { batchId, graceMs: 500, drainMs: 500 };
  expect(await bench.run("cancelBatch", patience)).toEqual({ wasSent: false });
  expect(await bench.run("watchBatch", { batchId })).toMatchObject({ ended: true });
  expect(await bench.run("settleAttempt", { batchId })).toMatchObject({ filled: 0, open: 1 });
  await rented.control.clearFaults();
});

test("a step whose place is not running waits and says for what, and goes on with the same batch", async () => {
  await rented.control.holdStep();
  const { stepId, batchId } = await beginAt(volume, [61]);
  away(volume);
  const error = await errorOf(bench.run("runBatch", { batchId, graceMs: 500 }));
  expect(error).toMatchObject({ message: renting, nonRetryable: false });
  expect((await findStep(bench.db, stepId))?.progressMessage).toStartWith(renting);
  addresses.clear();
  await rented.control.clearFaults();
  await rented.control.release();
  const { photoIds } = await bench.run("runBatch", { batchId, graceMs: 500 }, { attempt: 2 });
  expect(photoIds).toHaveLength(1);
  expect(await seedsMadeBy(rented, stepId)).toEqual([61]);
});

test("a reproduction on a pod that ends at a limit is given up, and does not hold up its end", async () => {
  await insertPod(bench.db, {
    id: pod.slice("pod:".length),
    status: "draining",
    endReason: "stopped",
  });
  const input = { reproductionId: crypto.randomUUID(), backend: pod };
  expect(await bench.run("prepareReproduction", input)).toEqual({
    state: "impossible",
    reason: "interrupted",
  });
  await bench.sql`delete from pod_sessions`;
});

test("a switch to another place is one event if it changes whether InvokeAI answers", async () => {
  const { photoId } = await makeAt("local", 71);
  await bench.run("checkBackend", {});
  const changes = async () => {
    const rows = await bench.sql<{ data: { connected: boolean } }[]>`
      select data from events where type = 'backend.changed' order by id`;
    return rows.map(({ data }) => data.connected);
  };
  const before = (await changes()).length;
  expect(await putPlace("volume:new")).toBe(true);
  expect(await putPlace("volume:new")).toBe(false);
  expect((await changes()).slice(before)).toEqual([false]);
  // Clients see the state of the place in force only.
  await bench.simulator.control.addFault({ kind: "unreachable", route: "any" });
  expect(await bench.run("retrieveImage", { photoId })).toMatchObject({ state: "waiting" });
  await bench.simulator.control.clearFaults();
  expect(await findBackend(bench.db, "local")).toMatchObject({ connected: false });
  expect((await changes()).slice(before)).toEqual([false]);
});

async function keyOf(name: string): Promise<string> {
  const [row] = await bench.sql<{ key: string }[]>`
    select m.key from models m join model_places p on p.key = m.key
    where m.name = ${name} and p.place = 'local'`;
  return row!.key;
}
