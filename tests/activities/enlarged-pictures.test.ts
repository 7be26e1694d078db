import { afterAll, beforeAll, expect, test } from "bun:test";
import { findAttempt, listSlots } from "#db/queries/steps/attempts";
import type { Attempt } from "#db/schema/steps";
import { originalKey } from "#media/storage/keys";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { speckled } from "#tests/support/painted-source";
import { insertPhoto } from "#tests/support/rows";

let bench: ActivityBench;

beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);
afterAll(() => bench.close());

const uploads = async () => (await bench.simulator.control.state()).uploads.length;

/** An attempt of a step that enlarges photos of these widths; null: one that is gone. */
async function enlargingStep(widths: (number | null)[]): Promise<Attempt> {
  const attempt = await bench.createAttempt(widths.map((_, seed) => seed));
  const [upscaler] = (await bench.invokeai.listModels()).filter(
    ({ type }) => type === "spandrel_image_to_image",
  );
  await bench.sql`update steps set parameters = parameters || ${JSON.stringify({
    modelKey: upscaler!.key,
    width: 0,
    height: 0,
  })}::text::jsonb, model_hash = ${upscaler!.hash} where id = ${attempt.stepId}`;
  for (const [index, width] of widths.entries()) {
    const enlargement = JSON.stringify({ width: width ?? 64, height: 64, scale: 2 });
    const photoId = width === null ? null : await storedPhoto(width);
    await bench.sql`update slots set source_image_id = ${photoId}, enlargement = ${enlargement}::text::jsonb
      where step_id = ${attempt.stepId} and slot_index = ${index}`;
  }
  return attempt;
}

async function storedPhoto(width: number): Promise<string> {
  const { id, kind } = await insertPhoto(bench.db, { width, height: 64 });
  const key = originalKey({ id, kind, mimeType: "image/png" });
  await bench.storage.put(key, await speckled(width, 64));
  return id;
}

async function sentBy({ batchId }: Attempt) {
  await bench.run("uploadSource", { batchId });
  await bench.run("enqueueBatch", { batchId, graceMs: 500 });
  const { items } = await bench.invokeai.listBatchItems(batchId);
  return items.map(({ slotIndex, seed }) => [slotIndex, seed]);
}

test("each picture is uploaded once, also by a repeated activity, and sent for its own slot", async () => {
  const before = await uploads();
  const attempt = await enlargingStep([72, 80]);
  await bench.run("uploadSource", { batchId: attempt.batchId });
  const { imageNames, sourceImageName } = (await findAttempt(bench.db, attempt.batchId))!;
  expect(sourceImageName).toBeNull();
  expect(Object.keys(imageNames)).toEqual(["picture_0", "picture_1"]);
  const sent = [
    [0, 0],
    [1, 1],
  ];
  expect(await sentBy(attempt)).toEqual(sent);
  expect(await sentBy(attempt)).toEqual(sent);
  expect((await findAttempt(bench.db, attempt.batchId))!.imageNames).toEqual(imageNames);
  expect((await uploads()) - before).toBe(2);
});

test("the slot of a photo that is gone fails, and the others are sent", async () => {
  const attempt = await enlargingStep([88, null, 96]);
  expect(await sentBy(attempt)).toEqual([
    [0, 0],
    [2, 2],
  ]);
  const slots = await listSlots(bench.db, attempt.stepId);
  expect(slots.map(({ status }) => status)).toEqual(["open", "failed", "open"]);
  expect(slots[1]?.error).toMatchObject({ message: "The photo to enlarge is gone." });
});

test("nothing is sent if all photos are gone", async () => {
  const attempt = await enlargingStep([null]);
  const { batchId } = attempt;
  const failure = await bench.run("uploadSource", { batchId }).catch((error: unknown) => error);
  expect(String(failure)).toContain("The photo to enlarge is gone.");
  expect((await findAttempt(bench.db, batchId))!.postedAt).toBeNull();
});
