import { afterAll, expect, test } from "bun:test";
import sharp from "sharp";
import { softenInTurn } from "#dev/screenshots/workflows";
import { plain } from "#tests/fixtures/pictures";
import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { boxMask, speckled } from "#tests/support/painted-source";
import { startGallery } from "#tests/support/running-gallery";
import { startStack } from "#tests/support/stack";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Json = any;

const one = await startGallery();
const model = await one.gallery.firstModel();
const stack = await startStack();
// There the model has another key, and the other one was never seen.
const rekeyed = await stack.invokeai.control.rekeyModel(model["key"]);
const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
const other = { stack, gallery: createGalleryClient(api.url) };

afterAll(async () => {
  await Promise.all([one.stack.stop(), other.stack.stop()]);
}, 60_000);

async function drawnBy({ gallery }: typeof other, step: Json, amount: number): Promise<Json[]> {
  const done = await gallery.stepIs(step.id, ["completed", "failed"]);
  expect([done["status"], done["error"]]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step.id, amount);
  return (await gallery.photosOf(step.id)).map(({ photo }: Json) => photo);
}

async function pixelsOf({ url }: GalleryClient, photoId: string): Promise<string> {
  const bytes = await (await fetch(`${url}/api/v1/photos/${photoId}`)).arrayBuffer();
  return Bun.SHA1.hash(await sharp(bytes).raw().toBuffer(), "hex");
}

test("a recipe, a mask and references come along to another gallery, which draws with them again", async () => {
  const { gallery } = one;
  const picture = await speckled(90, 61);
  const upload = async (bytes: Uint8Array) => (await gallery.upload(bytes))["id"] as string;
  const source = await upload(picture);
  const mask = await upload(await boxMask(90, 61, { x: 24, y: 16, width: 32, height: 24 }));
  const reference = await upload(await plain(72, 64, "#2b4").png().toBuffer());
  const twoLooks = await gallery.recipeOf("default_two-looks");
  const soften: Json = await gallery.post("/recipes", { workflow: softenInTurn });
  const session = await gallery.createSession();
  const path = `/generation/sessions/${session["id"]}/steps`;
  const modelOf = (recipe: Json) =>
    recipe.inputs.find((input: Json) => input.role === "model").id as string;

  const small = { batch_size: 1, width: 96, height: 64, seed: 8 };
  const steps: { step: Json; amount: number }[] = [];
  const request = async (step: Promise<Json>, amount: number) => {
    const requested = { step: await step, amount };
    steps.push(requested);
    await drawnBy(one, requested.step, amount);
  };
  const looks = { [modelOf(twoLooks)]: model["key"] };
  await request(gallery.post(path, { recipe_id: twoLooks.id, seed: 5, inputs: looks }), 2);
  const list = soften.inputs.find((input: Json) => input.list).id as string;
  const both = { [list]: [source, reference] };
  await request(gallery.post(path, { recipe_id: soften.id, inputs: both }), 2);
  const painted = { source_image_id: source, mask, parameters: small };
  await request(gallery.requestStep(session["id"], painted), 1);
  const control = [{ image_id: reference, role: "control" }];
  await request(gallery.requestStep(session["id"], { references: control, parameters: small }), 1);

  const archive = await fetch(
    `${gallery.url}/api/v1${`/generation/sessions/${session["id"]}/export`}`,
  );
  const form = new FormData();
  form.append("file", await archive.blob(), "session.zip");
  // One of the photos has another id there.
  const known = (await other.gallery.upload(picture))["id"];
  await other.gallery.firstModel();
  const imported = await fetch(`${other.gallery.url}/api/v1/generation/sessions/import`, {
    method: "POST",
    body: form,
  });
  expect([imported.status, await imported.json()]).toEqual([201, expect.anything()]);

  const partsOf = async (client: GalleryClient, stepId: string) => {
    const { mask_url, references, recipe_id } = await client.get(`/generation/steps/${stepId}`);
    const recipe = recipe_id && (await client.get(`/recipes/${recipe_id}`)).inputs;
    const mask = mask_url && (await (await fetch(`${client.url}${mask_url}`)).bytes());
    return { recipe, references, mask: mask && Bun.SHA1.hash(mask, "hex") };
  };
  const sent = await Promise.all(steps.map(({ step }) => partsOf(gallery, step.id)));
  const some = expect.anything();
  expect(sent).toMatchObject([
    { recipe: some },
    { recipe: some },
    { mask: some },
    { references: some },
  ]);
  for (const [at, { step, amount }] of steps.entries()) {
    expect(await partsOf(other.gallery, step.id)).toEqual(sent[at]!);
    const photos = (await other.gallery.photosOf(step.id)).map(({ photo }: Json) => photo);
    expect(photos).toHaveLength(amount);
    for (const photo of photos) {
      const pixels = await pixelsOf(one.gallery, photo.id);
      expect([step.prompt, await pixelsOf(other.gallery, photo.id)]).toEqual([step.prompt, pixels]);
      const { verdict, reason } = await other.gallery.reproduce(photo.id);
      expect([step.prompt, verdict, reason]).toEqual([step.prompt, "identical", undefined]);
    }
    const last = photos.at(-1)!;
    // A photo with a seed that has no effect has none to ask for.
    const again: Json = await other.gallery.post(`/photos/${last.id}/variations`, {
      same_seed: true,
    });
    const outputs = step.recipe_id === twoLooks.id ? 2 : 1;
    const made = (await drawnBy(other, again.step, outputs)).at(-1)!;
    const both = [made, last].map(({ source_image_id, references }) => ({
      source_image_id,
      references,
    }));
    expect(both[0]).toEqual(both[1]!);
    expect([step.prompt, await pixelsOf(other.gallery, made.id)]).toEqual([
      step.prompt,
      await pixelsOf(other.gallery, last.id),
    ]);
  }

  const there: Json = (await other.gallery.createSession())["id"];
  const anew: Json = await other.gallery.post(`/generation/sessions/${there}/steps`, {
    recipe_id: twoLooks.id,
    seed: 5,
    inputs: { [modelOf(twoLooks)]: rekeyed },
  });
  const drawn = await drawnBy(other, anew, 2);
  const before = await other.gallery.photosOf(steps[0]!.step.id);
  for (const [at, photo] of drawn.entries()) {
    const earlier = await pixelsOf(other.gallery, before[at]!["image_id"]);
    expect(await pixelsOf(other.gallery, photo.id)).toBe(earlier);
  }
  const softened = await other.gallery.photosOf(steps[1]!.step.id);
  expect(softened[0]!["photo"].source_image_id).toBe(known);
}, 240_000);
