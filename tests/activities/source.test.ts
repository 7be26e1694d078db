import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { findAttempt } from "#db/queries/steps/attempts";
import type { Attempt } from "#db/schema/steps";
import { uploadedSources } from "#db/schema/uploaded-sources";
import { originalKey } from "#media/storage/keys";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { plain } from "#tests/fixtures/pictures";
import { insertPhoto } from "#tests/support/rows";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(() => void (bench.clock.now = null));
afterAll(() => bench.close());

async function storedPicture(colour: string): Promise<string> {
  const { id, kind } = await insertPhoto(bench.db, { width: 96, height: 64 });
  const png = await plain(96, 64, colour).png().toBuffer();
  await bench.storage.put(originalKey({ id, kind, mimeType: "image/png" }), png);
  return id;
}

const stepFrom = (sourceImageId: string) => bench.createAttempt([1], { sourceImageId });

/** Uploads the source of an attempt where necessary; returns its name on the server. */
async function upload({ batchId }: Attempt): Promise<string> {
  await bench.run("uploadSource", { batchId });
  const name = (await findAttempt(bench.db, batchId))?.sourceImageName;
  if (!name) throw new Error("no source on the server");
  return name;
}

const uploads = async () => (await bench.simulator.control.state()).uploads.length;

const deleteThere = (name: string) =>
  fetch(`${bench.simulator.url}/api/v1/images/i/${name}`, { method: "DELETE" });

test("a source is uploaded once for all steps and attempts; a different crop of it is another upload", async () => {
  const photoId = await storedPicture("#884422");
  const before = await uploads();
  const first = await stepFrom(photoId);
  const name = await upload(first);
  expect(await upload(first)).toBe(name);
  expect(await upload(await stepFrom(photoId))).toBe(name);
  // Identified by the bytes sent, not by the photo.
  expect(await upload(await stepFrom(await storedPicture("#884422")))).toBe(name);
  expect((await uploads()) - before).toBe(1);
  const wide = await stepFrom(photoId);
  await bench.sql`update steps set parameters = jsonb_set(parameters, '{width}', '128')
    where id = ${wide.stepId}`;
  expect(await upload(wide)).not.toBe(name);
  expect((await uploads()) - before).toBe(2);
});

test("a source that was deleted on the server is uploaded again, once", async () => {
  const photoId = await storedPicture("#228844");
  const gone = await upload(await stepFrom(photoId));
  await deleteThere(gone);
  const before = await uploads();
  const name = await upload(await stepFrom(photoId));
  expect(name).not.toBe(gone);
  expect(await upload(await stepFrom(photoId))).toBe(name);
  expect((await uploads()) - before).toBe(1);
});

test("an upload is forgotten after 30 days, and repeated when a step needs it", async () => {
  const photoId = await storedPicture("#775511");
  const name = await upload(await stepFrom(photoId));
  const uploadedAt = Date.now();
  const day = 24 * 60 * 60 * 1_000;
  const known = async () => (await bench.db.select().from(uploadedSources)).length;
  const all = await known();
  bench.clock.now = new Date(uploadedAt + 29 * day);
  expect(await bench.run("dropExpired", {})).toMatchObject({ sources: 0 });
  expect(await upload(await stepFrom(photoId))).toBe(name);
  bench.clock.now = new Date(uploadedAt + 31 * day);
  expect(await bench.run("dropExpired", {})).toMatchObject({ sources: all });
  expect(await known()).toBe(0);
  const before = await uploads();
  expect(await upload(await stepFrom(photoId))).not.toBe(name);
  expect((await uploads()) - before).toBe(1);
});

test("an uploaded source does not appear in InvokeAI's gallery", async () => {
  const name = await upload(await stepFrom(await storedPicture("#112233")));
  expect((await bench.invokeai.getImage(name)).isIntermediate).toBe(true);
});

test("an item whose source is missing is tried again after a new upload, three times in all", async () => {
  const { control } = bench.simulator;
  const { stepId, batchId } = await stepFrom(await storedPicture("#445566"));
  const names: string[] = [];
  await control.addFault({
    kind: "item_failure",
    // The record exists, so only the run finds the file missing.
    errorType: "ImageFileNotFoundException",
    errorMessage: "Image file not found",
    times: 3,
  });
  for (let batch: string | undefined = batchId; batch !== undefined;) {
    const attempt: Attempt | undefined = await findAttempt(bench.db, batch);
    names.push(await upload(attempt!));
    await bench.run("enqueueBatch", { batchId: batch, graceMs: 500 });
    await bench.run("watchBatch", { batchId: batch });
    const tally = await bench.run("settleAttempt", { batchId: batch });
    // A repeated activity counts the failure once; only the first one returns its message.
    const { message: _, ...counted } = tally;
    expect(await bench.run("settleAttempt", { batchId: batch })).toEqual(counted);
    const next = await bench.openNext(stepId);
    expect(tally.open).toBe(next ? 1 : 0);
    batch = next?.batchId;
  }
  expect(new Set(names).size).toBe(3);
  const [slot] = await bench.sql`select status, error from slots where step_id = ${stepId}`;
  expect(slot).toMatchObject({
    status: "failed",
    error: { message: "InvokeAI no longer has the uploaded source image." },
  });
  const kept = await bench.db.select().from(uploadedSources);
  expect(kept.map(({ imageName }) => imageName)).not.toContain(names[2]);
});
