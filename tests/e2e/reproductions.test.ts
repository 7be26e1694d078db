import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { addPngText } from "#simulators/invokeai/png-text";
import { findPngTexts } from "#media/pictures/png-text";
import { listFiles } from "#tests/support/library";
import { smallPng } from "#tests/support/png";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const started = await startGallery();
const { stack, gallery } = started;
let { worker } = started;

afterEach(() => stack.invokeai.control.clearFaults());
afterAll(() => stack.stop(), 30_000);

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Json = Record<string, any>;

/** Generates and fetches an image with this seed; returns its photo. */
async function generate(seed: number, session: object = {}, more: object = {}): Promise<Json> {
  const opened = await gallery.post("/generation/sessions", { entry_type: "scratch", ...session });
  const parameters = { batch_size: 1, seed, ...more };
  const step = await gallery.requestStep(opened["id"], { parameters });
  await gallery.stepIs(step["id"], ["completed"]);
  await gallery.allRetrieved(step["id"], 1);
  const [image] = await gallery.photosOf(step["id"]);
  return image?.["photo"];
}

/** Requests the reproduction of a photo and waits for its verdict. */
async function reproduce(id: string): Promise<Json> {
  const { reproduction: before } = await gallery.post(`/photos/${id}/reproduce`);
  return verdictAfter(id, before?.checked_at);
}

const verdictAfter = (id: string, before?: string): Promise<Json> =>
  until("a verdict", async () => {
    const { reproduction } = await gallery.get(`/photos/${id}`);
    return reproduction?.checked_at === before ? undefined : reproduction;
  });

async function fileOf(photoId: string): Promise<string> {
  const files = await listFiles(stack.dataDir, "generated");
  const name = files.find((file) => file.includes(photoId));
  if (name === undefined) throw new Error("no file");
  return join(stack.dataDir, "photos", "generated", name);
}

/** Changes the pixels of a stored photo and keeps the metadata in its file. */
async function repaint(photoId: string, change: (picture: Sharp) => Sharp, version?: string) {
  const path = await fileOf(photoId);
  const png = await findPngTexts(path);
  const texts = await png.read(["invokeai_graph", "invokeai_metadata"], 1_000_000);
  if (version !== undefined) {
    const metadata = JSON.parse(texts.invokeai_metadata ?? "{}");
    texts.invokeai_metadata = JSON.stringify({ ...metadata, app_version: version });
  }
  const bytes = await change(sharp(await readFile(path)))
    .png()
    .toBuffer();
  await writeFile(path, addPngText(bytes, texts as Record<string, string>));
}

/** The batches enqueued after the first `before` ones. */
const batchesSince = async (before: number) =>
  (await stack.invokeai.control.state()).enqueues.slice(before);

/** Expects no reproduced image on the server: only sources that the gallery uploaded. */
async function expectNothingLeft(): Promise<void> {
  await until("a server without reproduced images", async () => {
    const response = await fetch(
      `${stack.invokeai.url}/api/v1/images/?is_intermediate=true&limit=100`,
    );
    const { items } = (await response.json()) as { items: Json[] };
    return items.every(({ image_origin }) => image_origin !== "internal");
  });
}

test("a variation has the parameters of its photo with another seed, and appears in its lineage", async () => {
  const photo = await generate(499);
  const { session, step } = await gallery.post(`/photos/${photo["id"]}/variations`, { count: 2 });
  await gallery.stepIs(step.id, ["completed"]);
  await gallery.allRetrieved(step.id, 2);
  const images = await gallery.photosOf(step.id);
  const { seed: _, ...recorded } = photo["generation_metadata"];
  for (const { photo: variation } of images) {
    expect(variation.generation_metadata).toMatchObject(recorded);
    expect(variation.session_id).toBe(session.id);
  }
  const { edges } = await gallery.get(`/photos/${photo["id"]}/lineage`);
  expect(edges.map((edge: Json) => [edge["kind"], Object.keys(edge["changed"])])).toEqual([
    ["variation", ["seed"]],
    ["variation", ["seed"]],
  ]);
}, 60_000);

describe("a reproduction", () => {
  test("of the same graph has identical pixels; it becomes no photo and is deleted everywhere", async () => {
    const photo = await generate(500);
    const before = await stack.invokeai.control.state();
    const verdict = await reproduce(photo["id"]);
    expect(verdict).toEqual({
      verdict: "identical",
      distance: 0,
      checked_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const batches = await batchesSince(before.enqueues.length);
    expect(batches).toMatchObject([{ requested: 1, seeds: [500] }]);
    await expectNothingLeft();
    const after = await stack.invokeai.control.state();
    expect(after.generated).toEqual(before.generated);
    expect((await gallery.get(`/photos?session_id=${photo["session_id"]}`))["total"]).toBe(1);
    // A new request makes a new reproduction.
    expect((await reproduce(photo["id"]))["verdict"]).toBe("identical");
    expect(await batchesSince(before.enqueues.length)).toHaveLength(2);
  }, 60_000);

  test("has the distance of near and different pixels, none for another size, and names another version", async () => {
    const photo = await generate(501);
    await repaint(photo["id"], (picture) => picture.linear(1, 1));
    const near = await reproduce(photo["id"]);
    expect(near["verdict"]).toBe("near");
    expect(near["distance"]).toBeWithin(0.1, 2);
    await repaint(photo["id"], (picture) => picture.negate());
    const different = await reproduce(photo["id"]);
    expect(different["verdict"]).toBe("different");
    expect(different["distance"]).toBeGreaterThan(20);
    expect(different["reason"]).toBeUndefined();
    await repaint(photo["id"], (picture) => picture.resize(64, 64), "6.1.0");
    expect(await reproduce(photo["id"])).toEqual({
      verdict: "different",
      reason: "version_differs",
      checked_at: expect.any(String),
    });
  }, 60_000);

  test("uploads a source again that InvokeAI no longer has", async () => {
    const source = await gallery.upload(await smallPng({ r: 10, g: 90, b: 200 }, 128));
    const photo = await generate(502, { entry_type: "refinement", source_image_id: source["id"] });
    const { uploads } = await stack.invokeai.control.state();
    expect((await reproduce(photo["id"]))["verdict"]).toBe("identical");
    expect((await stack.invokeai.control.state()).uploads).toHaveLength(uploads.length);
    await stack.invokeai.control.wipe();
    expect((await reproduce(photo["id"]))["verdict"]).toBe("identical");
    expect((await stack.invokeai.control.state()).uploads).toHaveLength(uploads.length + 1);
  }, 60_000);

  test("of an image to image is near up to a larger distance, because its source is encoded with noise", async () => {
    const source = await gallery.upload(await smallPng({ r: 10, g: 90, b: 200 }, 128));
    const session = { entry_type: "refinement", source_image_id: source["id"] };
    const photo = await generate(520, session, { strength: 0.3 });
    // More than the limit of near without noise, and less than the distance from the source.
    await repaint(photo["id"], (picture) => picture.linear(1, 5));
    expect((await reproduce(photo["id"]))["verdict"]).toBe("near");
    await repaint(photo["id"], (picture) => picture.negate());
    expect((await reproduce(photo["id"]))["verdict"]).toBe("different");
    await expectNothingLeft();
  }, 60_000);

  test("has one verdict and one batch when its worker is killed", async () => {
    const photo = await generate(503);
    const before = (await stack.invokeai.control.state()).enqueues.length;
    await stack.invokeai.control.holdStep();
    await gallery.post(`/photos/${photo["id"]}/reproduce`);
    await stack.invokeai.control.until((state) => state.frozen !== null);
    // A second request meanwhile changes nothing.
    await gallery.post(`/photos/${photo["id"]}/reproduce`);
    await worker.kill();
    await stack.invokeai.control.release();
    worker = await stack.startWorker();
    expect((await verdictAfter(photo["id"]))["verdict"]).toBe("identical");
    await expectNothingLeft();
    expect(await batchesSince(before)).toHaveLength(1);
    const { sql } = stack.database;
    const verdicts = await sql`select id from events
      where type = 'photo.reproduced' and data ->> 'photo_id' = ${photo["id"]}`;
    expect(verdicts).toHaveLength(1);
    // The row forgets its image once InvokeAI has deleted it.
    await until("the row to be closed", async () => {
      const [open] = await sql`select count(*)::int as amount from reproductions
        where judged_at is null or image_name is not null`;
      return open?.["amount"] === 0;
    });
  }, 90_000);

  test("sends no second batch when the answer to the enqueue is lost, but one after a restart of InvokeAI", async () => {
    const photo = await generate(504);
    const { control } = stack.invokeai;
    const before = (await control.state()).enqueues.length;
    const fault = await control.addFault({ kind: "answer_lost", route: "enqueueBatch", times: 1 });
    expect((await reproduce(photo["id"]))["verdict"]).toBe("identical");
    expect(await control.struck(fault)).toBe(1);
    expect(await batchesSince(before)).toHaveLength(1);
    await control.holdStep();
    const { reproduction } = await gallery.post(`/photos/${photo["id"]}/reproduce`);
    await control.until((state) => state.frozen !== null);
    await control.restart();
    expect((await verdictAfter(photo["id"], reproduction.checked_at))["verdict"]).toBe("identical");
    expect(await batchesSince(before)).toHaveLength(3);
  }, 90_000);

  test("is impossible after five batches that a restart of InvokeAI interrupted", async () => {
    const photo = await generate(509);
    const { control } = stack.invokeai;
    const before = (await control.state()).enqueues.length;
    const frozen: string[] = [];
    await control.addFault({ kind: "step_held", times: 6 });
    await gallery.post(`/photos/${photo["id"]}/reproduce`);
    while (frozen.length < 5) {
      const state = await control.until(
        (seen) => seen.frozen !== null && !frozen.includes(seen.frozen.batchId),
        20_000,
      );
      frozen.push(state.frozen!.batchId);
      await control.restart();
    }
    expect(await verdictAfter(photo["id"])).toMatchObject({
      verdict: "impossible",
      reason: "interrupted",
    });
    expect((await batchesSince(before)).map(({ batchId }) => batchId)).toEqual(frozen);
  }, 90_000);

  test("is not confused by two photos with the same seed and equal pixels", async () => {
    const [one, two] = [await generate(505), await generate(505)];
    expect(one["id"]).not.toBe(two["id"]);
    const pixels = async (photo: Json) =>
      sharp(await fileOf(photo["id"]))
        .raw()
        .toBuffer();
    expect((await pixels(one)).equals(await pixels(two))).toBe(true);
    expect((await reproduce(one["id"]))["verdict"]).toBe("identical");
    for (const { id } of [one, two]) {
      expect(await gallery.get(`/photos/${id}`)).toMatchObject({ retrieval_status: "completed" });
    }
  }, 60_000);

  test("is impossible for a file without a recorded graph, and refused for an upload", async () => {
    const photo = await generate(506);
    const path = await fileOf(photo["id"]);
    await writeFile(
      path,
      await sharp(await readFile(path))
        .png()
        .toBuffer(),
    );
    expect(await reproduce(photo["id"])).toMatchObject({
      verdict: "impossible",
      reason: "no_recorded_graph",
    });
    const upload = await gallery.upload(await smallPng({ r: 1, g: 2, b: 3 }));
    const refused = await fetch(`${gallery.url}/api/v1/photos/${upload["id"]}/reproduce`, {
      method: "POST",
    });
    expect(refused.status).toBe(409);
  }, 60_000);

  test("finds a model under another key by its hash, and is impossible when the model is gone", async () => {
    const { control } = stack.invokeai;
    const photo = await generate(507);
    const { model_key: key } = photo["generation_metadata"];
    const moved = await control.rekeyModel(key);
    await gallery.post("/models/refresh");
    expect((await reproduce(photo["id"]))["verdict"]).toBe("identical");
    await control.removeModel(moved);
    await gallery.post("/models/refresh");
    expect(await reproduce(photo["id"])).toMatchObject({
      verdict: "impossible",
      reason: "model_gone",
    });
  }, 60_000);

  test("is impossible, with the reason, for a refused graph, another version and a lack of memory, after one batch each", async () => {
    const { control } = stack.invokeai;
    const photo = await generate(508);
    const before = (await control.state()).enqueues.length;
    const failing = async (errorType: string, errorMessage: string) => {
      await control.addFault({ kind: "item_failure", errorType, errorMessage });
      return reproduce(photo["id"]);
    };
    const impossible = (reason: string) => ({
      verdict: "impossible",
      reason,
      checked_at: expect.any(String),
    });
    const refusal = ["ValidationError", "1 validation error for Graph"] as const;
    expect(await failing(...refusal)).toEqual(impossible("graph_refused"));
    const memory = ["OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB"] as const;
    expect(await failing(...memory)).toEqual(impossible("out_of_memory"));
    await repaint(photo["id"], (picture) => picture, "6.1.0");
    expect(await failing(...refusal)).toEqual(impossible("version_differs"));
    expect(await batchesSince(before)).toHaveLength(3);
  }, 60_000);
});
