import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { findAttempt } from "#db/queries/steps/attempts";
import { keepMask } from "#db/queries/steps/masks";
import { masks } from "#db/schema/masks";
import type { Attempt } from "#db/schema/steps";
import { originalKey } from "#media/storage/keys";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { boxMask, maskOf, speckled } from "#tests/support/painted-source";
import { insertPhoto } from "#tests/support/rows";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);

afterEach(() => void (bench.clock.now = null));
afterAll(() => bench.close());

const box = { x: 16, y: 16, width: 24, height: 24 };
const uploads = async () => (await bench.simulator.control.state()).uploads.length;
const namesOf = async ({ batchId }: Attempt): Promise<Record<string, string>> => {
  await bench.run("uploadSource", { batchId });
  const attempt = await findAttempt(bench.db, batchId);
  return { source: attempt?.sourceImageName ?? "none", ...attempt?.imageNames };
};

/** An attempt of a step that paints a part of a picture of this many speckles. */
async function paintingStep(side: number, region = { x: 0, y: 0, width: side, height: side }) {
  const { id, kind } = await insertPhoto(bench.db, { width: side, height: side });
  await bench.storage.put(
    originalKey({ id, kind, mimeType: "image/png" }),
    await speckled(side, side),
  );
  const { painted: _painted, ...mask } = await maskOf(await boxMask(side, side, box));
  await bench.db.transaction((tx) => keepMask(tx, { ...mask, usedAt: new Date() }));
  const attempt = await bench.createAttempt([1], { sourceImageId: id });
  const parameters = JSON.stringify({ region, width: 64, height: 64, strength: 0.5 });
  await bench.sql`update steps set mask_hash = ${mask.contentHash},
    parameters = parameters || ${parameters}::text::jsonb where id = ${attempt.stepId}`;
  return attempt;
}

test("the pictures of a painted part are uploaded once, also by a repeated activity; equal ones are one", async () => {
  const before = await uploads();
  const attempt = await paintingStep(64);
  const names = await namesOf(attempt);
  expect(names["base"]).toBe(names["source"]!);
  expect(names["blend"]).toBe(names["mask"]!);
  expect(names["canvas"]).toBeUndefined();
  expect(await namesOf(attempt)).toEqual(names);
  expect((await uploads()) - before).toBe(2);
  expect(await namesOf(await paintingStep(64))).toEqual(names);
  expect((await uploads()) - before).toBe(2);
});

test("a region has a canvas, and only the picture that InvokeAI lost is uploaded again", async () => {
  const names = await namesOf(await paintingStep(80, { x: 8, y: 8, width: 48, height: 48 }));
  expect(new Set(Object.values(names)).size).toBe(5);
  const before = await uploads();
  await fetch(`${bench.simulator.url}/api/v1/images/i/${names["blend"]}`, { method: "DELETE" });
  const again = await namesOf(await paintingStep(80, { x: 8, y: 8, width: 48, height: 48 }));
  expect(again).toEqual({ ...names, blend: again["blend"]! });
  expect(again["blend"]).not.toBe(names["blend"]);
  expect((await uploads()) - before).toBe(1);
});

test("a mask is deleted once no step and no photo names it, and not before a day has passed", async () => {
  const { stepId } = await paintingStep(96);
  const [row] = await bench.sql`select mask_hash from steps where id = ${stepId}`;
  const hash = row?.["mask_hash"] as string;
  const exists = async () =>
    (await bench.db.select().from(masks)).some(({ contentHash }) => contentHash === hash);
  const later = (days: number) => new Date(Date.now() + days * 24 * 60 * 60 * 1_000);
  bench.clock.now = later(2);
  await bench.run("dropExpired", {});
  expect(await exists()).toBe(true);
  const photo = await insertPhoto(bench.db, { maskHash: hash });
  await bench.sql`update steps set mask_hash = null where id = ${stepId}`;
  await bench.run("dropExpired", {});
  expect(await exists()).toBe(true);
  await bench.sql`update photos set mask_hash = null where id = ${photo.id}`;
  bench.clock.now = later(0.5);
  await bench.run("dropExpired", {});
  expect(await exists()).toBe(true);
  bench.clock.now = later(2);
  await bench.run("dropExpired", {});
  expect(await exists()).toBe(false);
});
