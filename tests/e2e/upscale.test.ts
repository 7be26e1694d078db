import { afterAll, expect, test } from "bun:test";
import { speckled } from "#tests/support/painted-source";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery } = await startGallery();
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
  await gallery.post(`/photos/${photo.id}/reproduce`);
  const verdict = await until("a verdict", async () => {
    const { reproduction } = await gallery.get(`/photos/${photo.id}`);
    return reproduction;
  });
  expect(verdict).toMatchObject({ verdict: "identical" });

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
