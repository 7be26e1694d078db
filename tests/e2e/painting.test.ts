import { afterAll, afterEach, expect, test } from "bun:test";
import { boxMask, differences, speckled } from "#tests/support/painted-source";
import { createInvokeAiPage } from "#tests/support/invokeai-page";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Json = Record<string, any>;

const { stack, gallery } = await startGallery();
afterEach(() => stack.invokeai.control.clearFaults());
afterAll(() => stack.stop(), 30_000);

const box = { x: 24, y: 16, width: 32, height: 24 };
const nothing = { x: 0, y: 0, width: 0, height: 0 };
const picture = await speckled(90, 61);
const source = await gallery.upload(picture);
const mask = await gallery.upload(await boxMask(90, 61, box));

async function originalOf(photoId: string): Promise<Uint8Array> {
  return new Uint8Array(
    await (await fetch(`${gallery.url}/api/v1/photos/${photoId}`)).arrayBuffer(),
  );
}

async function painted(more: Json): Promise<Json> {
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], {
    source_image_id: source["id"],
    ...more,
    parameters: { batch_size: 1, width: 96, height: 64, ...more["parameters"] },
  });
  const done = await gallery.stepIs(step["id"], ["completed", "failed"]);
  expect([done["status"], done["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step["id"], 1);
  const [image] = await gallery.photosOf(step["id"]);
  return image?.["photo"];
}

test("each base that inpaints leaves the pixels outside of the mask as they are", async () => {
  const bases = await until("bases", async () => {
    const { items } = await gallery.get("/generation/bases");
    return items.length > 0 && items;
  });
  const able = new Set(bases.filter(({ inpaint }: Json) => inpaint).map(({ base }: Json) => base));
  expect(able.size).toBeGreaterThanOrEqual(9);
  const { items: models } = await gallery.get("/models?type=main&limit=100");
  const usable = models.filter((each: Json) => each.usable);
  // Made for painting parts.
  const made = usable.filter(({ name }: Json) => /inpainting|fill/i.test(name));
  expect(made).toHaveLength(3);
  const first = [...able].map((base) => usable.find((each: Json) => each.base === base));
  for (const model of [...first, ...made]) {
    const base = model.name;
    const parameters = { model_key: model.key };
    const photo = await painted({ mask: mask["id"], parameters });
    const after = await originalOf(photo["id"]);
    const changed = await differences(picture, after, { box, x: 0, y: 0 });
    expect([base, changed.outside]).toEqual([base, 0]);
    expect(changed.inside).toBeGreaterThan(100);
    const { invokeai } = await gallery.get(`/photos/${photo["id"]}/metadata`);
    expect(invokeai.generation_mode).toMatch(/inpaint$/);
  }
}, 180_000);

test("an expanded picture holds the old one, and the lineage says so", async () => {
  const photo = await painted({ parameters: { expand: { left: 38, bottom: 3 } } });
  expect([photo["width"], photo["height"]]).toEqual([128, 64]);
  const kept = await differences(picture, await originalOf(photo["id"]), {
    box: nothing,
    x: 38,
    y: 0,
  });
  expect(kept).toEqual({ inside: 0, outside: 0 });
  const { edges } = await gallery.get(`/photos/${photo["id"]}/lineage`);
  expect(edges).toContainEqual(expect.objectContaining({ to: photo["id"], kind: "outpaint" }));
}, 60_000);

test("a region alone is painted, at the size asked for", async () => {
  const region = { x: 20, y: 10, width: 40, height: 40 };
  const photo = await painted({
    mask: mask["id"],
    parameters: { region, width: 128, height: 128 },
  });
  const changed = await differences(picture, await originalOf(photo["id"]), { box, x: 0, y: 0 });
  expect(changed.outside).toBe(0);
  expect(changed.inside).toBeGreaterThan(100);
}, 60_000);

test("a painted picture is reproduced from its mask after InvokeAI has lost the uploads", async () => {
  const photo = await painted({ mask: mask["id"], parameters: { seed: 77 } });
  expect(await createInvokeAiPage(stack.invokeai.url).deleteUploads()).toBeGreaterThan(0);
  expect(await gallery.reproduce(photo["id"])).toMatchObject({ verdict: "identical" });
}, 60_000);
