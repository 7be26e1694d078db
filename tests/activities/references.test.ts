import { afterAll, beforeAll, expect, test } from "bun:test";
import { findAttempt } from "#db/queries/steps/attempts";
import type { Reference } from "#generation-references";
import { originalKey } from "#media/storage/keys";
import { plain } from "#tests/fixtures/pictures";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { insertPhoto } from "#tests/support/rows";

let bench: ActivityBench;
beforeAll(async () => {
  bench = await createActivityBench();
}, 60_000);
afterAll(() => bench.close());

async function storedPicture(width: number, height: number, colour: string): Promise<string> {
  const { id, kind } = await insertPhoto(bench.db, { width, height });
  const png = await plain(width, height, colour).png().toBuffer();
  await bench.storage.put(originalKey({ id, kind, mimeType: "image/png" }), png);
  return id;
}

async function attemptWith(references: Reference[], sourceImageId?: string): Promise<string> {
  const { batchId, stepId } = await bench.createAttempt(
    [1],
    sourceImageId === undefined ? {} : { sourceImageId },
  );
  await bench.sql`update steps set reference_images = ${JSON.stringify(references)}::text::jsonb
    where id = ${stepId}`;
  return batchId;
}

async function uploadedNames(batchId: string): Promise<Record<string, string | null>> {
  await bench.run("uploadSource", { batchId });
  const attempt = await findAttempt(bench.db, batchId);
  return { source: attempt?.sourceImageName ?? null, ...attempt?.imageNames };
}

async function sizeThere(name: string | null | undefined): Promise<number[]> {
  const response = await fetch(`${bench.simulator.url}/api/v1/images/i/${name}`);
  const { width, height } = (await response.json()) as { width: number; height: number };
  return [width, height];
}

const uploads = async () => (await bench.simulator.control.state()).uploads.length;

test("a control map is cropped to the shape of the image, other references stay whole, each is uploaded once", async () => {
  const wide = await storedPicture(120, 60, "#aa3311");
  const before = await uploads();
  const batchId = await attemptWith([
    { imageId: wide, role: "control", weight: 1, begin: 0, end: 1 },
    { imageId: wide, role: "style", weight: 1, begin: 0, end: 1 },
  ]);
  const names = await uploadedNames(batchId);
  expect(names["source"]).toBeNull();
  expect(await sizeThere(names["reference0"])).toEqual([64, 64]);
  expect(await sizeThere(names["reference1"])).toEqual([120, 60]);
  // An activity may run twice, and another step may have the same references.
  expect(await uploadedNames(batchId)).toEqual(names);
  const second = await attemptWith([{ imageId: wide, role: "style", weight: 1, begin: 0, end: 1 }]);
  expect(await uploadedNames(second)).toEqual({ source: null, reference0: names["reference1"]! });
  expect((await uploads()) - before).toBe(2);
});

test("a source and references are uploaded together", async () => {
  const [one, two] = [
    await storedPicture(64, 64, "#113355"),
    await storedPicture(80, 64, "#557799"),
  ];
  const batchId = await attemptWith([{ imageId: two, role: "style", weight: 1 }], one);
  const names = await uploadedNames(batchId);
  expect(names["source"]).toBeString();
  expect(Object.keys(names)).toEqual(["source", "reference0"]);
});

test("a reference that was deleted for good fails the step, with what to do", async () => {
  const gone = await storedPicture(64, 64, "#dd9911");
  await bench.sql`update photos set purged_at = now(), deleted_at = now() where id = ${gone}`;
  const batchId = await attemptWith([{ imageId: gone, role: "style", weight: 1 }]);
  const failure: unknown = await bench.run("uploadSource", { batchId }).catch((error) => error);
  expect(failure).toMatchObject({
    message: "The reference of this step is gone.",
    nonRetryable: true,
  });
});
