import { afterAll, expect, test } from "bun:test";
import { speckled } from "#tests/support/painted-source";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery, worker } = await startGallery();
afterAll(() => stack.stop(), 30_000);

test("an upload is enlarged; the lineage, the reproduction and an export know it", async () => {
  const { id } = await gallery.upload(await speckled(90, 61));
  await until("an upscaling model", async () => {
    const { items } = await gallery.get("/models?type=spandrel_image_to_image");
    return items.length > 0;
  });
  const { session, step } = await gallery.post(`/photos/${id}/upscale`, { to: 225 });
  const done = await gallery.stepIs(step.id, ["completed", "failed"]);
  expect([done["status"], done["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step.id, 1);
  const [image] = await gallery.photosOf(step.id);
  const photo = image?.["photo"];
  expect([photo.width, photo.height]).toEqual([225, 152]);
  expect(photo.generation_metadata.upscale.scale).toBeCloseTo(2.5, 3);

  const { edges } = await gallery.get(`/photos/${photo.id}/lineage`);
  expect(edges).toContainEqual(expect.objectContaining({ from: id, kind: "upscale" }));
  expect(await gallery.reproduce(photo.id)).toMatchObject({ verdict: "identical" });

  const archive = await fetch(`${gallery.url}/api/v1/generation/sessions/${session.id}/export`);
  const form = new FormData();
  form.append("file", await archive.blob(), "session.zip");
  const path = `${gallery.url}/api/v1/generation/sessions`;
  await fetch(`${path}/${session.id}`, { method: "DELETE" });
  const imported = await until("a deleted session", async () => {
    const response = await fetch(`${path}/import`, { method: "POST", body: form });
    return response.status === 409 ? undefined : response;
  });
  expect(imported.status).toBe(201);
}, 60_000);

test("several photos are enlarged in one step, each from its own and once, although the worker is killed", async () => {
  const { control } = stack.invokeai;
  const pictures = [speckled(72, 64), speckled(64, 80), speckled(66, 66)];
  const ids: string[] = [];
  for (const bytes of pictures) ids.push((await gallery.upload(await bytes)).id);
  const fault = await control.addFault({ kind: "answer_held", route: "enqueueBatch", times: 1 });
  const { session, step } = await gallery.post("/photos/batch/upscale", { ids, to: 160 });
  expect(session.entry_type).toBe("scratch");
  await control.until((state) => state.held.length === 1);
  await worker.kill();
  expect(await control.struck(fault)).toBe(1);
  await control.release();
  await stack.startWorker();
  const done = await gallery.stepIs(step.id, ["completed", "failed"]);
  expect([done["status"], done["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step.id, ids.length);
  const { enqueues } = await control.state();
  expect(enqueues.filter(({ batchId }) => batchId.startsWith(step.id))).toHaveLength(1);

  const images = await gallery.photosOf(step.id);
  const sizes = images.map(({ photo }) => [photo.width, photo.height]);
  expect(sizes).toEqual([
    [160, 142],
    [128, 160],
    [160, 160],
  ]);
  for (const [index, { image_id: to }] of images.entries()) {
    const { edges } = await gallery.get(`/photos/${to}/lineage`);
    expect(edges).toMatchObject([{ from: ids[index], to, kind: "upscale" }]);
  }
  expect(await gallery.reproduce(images[1]!["image_id"])).toMatchObject({ verdict: "identical" });
}, 90_000);

test("an image drawn in two passes is larger, and selecting it to finish enlarges it again", async () => {
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], {
    parameters: { batch_size: 1, width: 64, height: 96, hires: { scale: 1.5, strength: 0.5 } },
  });
  await gallery.stepIs(step["id"], ["completed"]);
  await gallery.allRetrieved(step["id"], 1);
  const [image] = await gallery.photosOf(step["id"]);
  const { photo, image_id } = image!;
  expect([photo.width, photo.height]).toEqual([96, 144]);
  expect(photo.generation_metadata).toMatchObject({
    width: 64,
    height: 96,
    hires: { scale: 1.5, strength: 0.5 },
  });
  expect(await gallery.reproduce(image_id)).toMatchObject({ verdict: "identical" });

  const selected = await gallery.post(`/generation/steps/${step["id"]}/select`, {
    image_id,
    finish: "upscale",
    scale: 2,
  });
  await gallery.stepIs(selected["finishing_step_id"], ["completed"]);
  await gallery.allRetrieved(selected["finishing_step_id"], 1);
  const [finished] = await gallery.photosOf(selected["finishing_step_id"]);
  expect([finished!["photo"].width, finished!["photo"].height]).toEqual([192, 288]);
  const { edges } = await gallery.get(`/photos/${finished!["image_id"]}/lineage`);
  expect(edges).toMatchObject([{ from: image_id, kind: "upscale" }]);
}, 90_000);

test("an enlarged photo is painted again with creativity, and can be made again", async () => {
  const { id } = await gallery.upload(await speckled(96, 64));
  const { step } = await gallery.post(`/photos/${id}/upscale`, { scale: 1.5, creativity: 0.5 });
  const done = await gallery.stepIs(step.id, ["completed", "failed"]);
  expect([done["status"], done["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step.id, 1);
  const [image] = await gallery.photosOf(step.id);
  const { photo, image_id } = image!;
  expect([photo.width, photo.height]).toEqual([144, 96]);
  expect(photo.generation_metadata.upscale).toMatchObject({ scale: 1.5, creativity: 0.5 });
  const { verdict } = await gallery.reproduce(image_id);
  expect(["identical", "near"]).toContain(verdict);

  const other = await gallery.upload(await speckled(64, 80));
  const ids = [id, other.id];
  const both = await gallery.post("/photos/batch/upscale", { ids, to: 120, creativity: 0.25 });
  const ended = await gallery.stepIs(both.step.id, ["completed", "failed"]);
  expect([ended["status"], ended["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(both.step.id, 2);
  const made = (await gallery.photosOf(both.step.id)).map((each) => each["photo"]);
  expect(made.map(({ width, height }) => [width, height])).toEqual([
    [120, 80],
    [96, 120],
  ]);
  for (const { generation_metadata } of made) {
    expect(generation_metadata.upscale).toMatchObject({
      scale: expect.any(Number),
      creativity: 0.25,
      main_model_key: photo.generation_metadata.upscale.main_model_key,
    });
  }
}, 90_000);
