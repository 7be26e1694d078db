import { afterAll, expect, test } from "bun:test";
import { softenInTurn, workflowOf } from "#dev/screenshots/workflows";
import { plain } from "#tests/fixtures/pictures";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Body = any;

const started = await startGallery();
const { stack, gallery } = started;

afterAll(() => stack.stop(), 30_000);

async function recipeFrom(workflow: object): Promise<Body> {
  // Read after the node types, which a recipe needs.
  await gallery.libraryHas("default_text-to-image");
  return gallery.post("/recipes", { workflow });
}

const inputOf = (recipe: Body, role: string): string =>
  recipe.inputs.find((input: Body) => input.role === role).id;

const modelKey = (): Promise<string> =>
  until("a model", async () => {
    const { items } = await gallery.get("/models?base=sd-1");
    return items.find((model: Body) => model.usable)?.key;
  });

async function request(recipe: Body, more: Body = {}): Promise<Body> {
  const session = await gallery.createSession();
  const { inputs, ...rest } = more;
  const path = `/generation/sessions/${session.id}/steps`;
  const model = recipe.inputs.some((input: Body) => input.role === "model")
    ? { [inputOf(recipe, "model")]: await modelKey() }
    : {};
  return gallery.post(path, { recipe_id: recipe.id, inputs: { ...model, ...inputs }, ...rest });
}

/** Waits until a step has ended with this number of fetched photos. */
async function madeBy(step: Body, amount: number): Promise<Body[]> {
  const done = await gallery.stepIs(step.id, ["completed", "failed"]);
  expect([done.status, done.error]).toEqual(["completed", undefined]);
  await gallery.allRetrieved(step.id, amount);
  return (await gallery.photosOf(step.id)).map(({ photo }) => photo);
}

test("a recipe from InvokeAI's library draws what its step asks for, with its seeds and its prompt", async () => {
  const recipe = await gallery.recipeOf("default_text-to-image");
  const step = await request(recipe, {
    prompt: "a red boat",
    seed: 4_294_967_295,
    batch_size: 2,
    inputs: { [inputOf(recipe, "width")]: 128, [inputOf(recipe, "height")]: 64 },
  });
  expect(step).toMatchObject({ recipe_id: recipe.id, seeds: [4_294_967_295, 0], batch_size: 2 });
  const photos = await madeBy(step, 2);
  for (const { id, width, height, generation_metadata: made } of photos) {
    expect([width, height]).toEqual([128, 64]);
    expect(made).toMatchObject({ prompt: "a red boat", width: 128, height: 64 });
    expect(made.recipe.name).toBe("Text to Image");
    const { invokeai } = await gallery.get(`/photos/${id}/metadata`);
    expect(invokeai).toMatchObject({ positive_prompt: "a red boat", seed: made.seed });
  }
  expect(photos.map((photo) => photo.generation_metadata.seed)).toEqual([4_294_967_295, 0]);
  expect(photos[0]!.content_hash).not.toBe(photos[1]!.content_hash);
}, 150_000);

test("of a recipe with two outputs each slot is filled once, although the worker is killed and an answer is lost", async () => {
  const recipe = await gallery.recipeOf("default_two-looks");
  expect(recipe).toMatchObject({ outputs: 2, outputs_known: true });
  const { control } = stack.invokeai;
  await control.addFault({ route: "enqueueBatch", kind: "answer_lost", times: 1 });
  await control.holdStep({ item: 1, step: 1 });
  const step = await request(recipe, { seed: 10, batch_size: 3 });
  expect(step.seeds).toEqual([10, 10, 11, 11, 12, 12]);
  await control.until(({ frozen }) => frozen !== null);
  await gallery.photosAre(step.id, 2);
  await started.worker.kill();
  await control.release();
  await stack.startWorker();
  const photos = await madeBy(step, 6);
  const sent = (await control.state()).enqueues.filter(({ batchId }: Body) =>
    batchId.startsWith(step.id),
  );
  expect(sent).toHaveLength(1);
  const places = photos.map(({ generation_metadata: made }) => [made.seed, made.recipe.output]);
  expect(places).toEqual([
    [10, 0],
    [10, 1],
    [11, 0],
    [11, 1],
    [12, 0],
    [12, 1],
  ]);
  expect(new Set(photos.map((photo) => photo.content_hash)).size).toBe(6);
}, 120_000);

test("of an item that InvokeAI's restart interrupted only the missing output is made again", async () => {
  const recipe = await gallery.recipeOf("default_two-looks");
  const { control } = stack.invokeai;
  await control.holdStep({ item: 0, step: "saved" });
  const step = await request(recipe, { seed: 40 });
  await control.until(({ frozen }) => frozen !== null);
  await control.restart();
  const photos = await madeBy(step, 2);
  const { enqueues, generated } = await control.state();
  const batches = enqueues.filter(({ batchId }) => batchId.startsWith(step.id));
  expect(batches.map(({ batchId }) => batchId)).toEqual([`${step.id}-1`, `${step.id}-2`]);
  const saved = generated.filter(({ batchId }) => batchId.startsWith(step.id));
  expect(new Set(saved.map(({ imageName }) => imageName))).toEqual(
    new Set(photos.map((photo) => photo.invoke_id)),
  );
  expect(saved).toHaveLength(2);
  expect(photos.map((photo) => photo.generation_metadata.recipe.output)).toEqual([0, 1]);
}, 150_000);

test("an interrupted recipe of an unknown number of pictures runs again, and each picture has one slot", async () => {
  const recipe = await gallery.recipeOf("default_row");
  const { control } = stack.invokeai;
  await control.holdStep({ item: 0, step: "saved" });
  const step = await request(recipe, { seed: 60 });
  await control.until(({ frozen }) => frozen !== null);
  await control.restart();
  const photos = await madeBy(step, 3);
  expect(new Set(photos.map((photo) => photo.content_hash)).size).toBe(3);
  const { seeds, images_failed } = await gallery.get(`/generation/steps/${step.id}`);
  expect([seeds, images_failed]).toEqual([[60, 60, 60], 0]);
}, 150_000);

test("a cancelled step of a recipe keeps what exists, and a retry makes only the rest", async () => {
  const recipe = await gallery.recipeOf("default_two-looks");
  const { control } = stack.invokeai;
  await control.holdStep({ item: 1, step: 1 });
  const step = await request(recipe, { seed: 50, batch_size: 2 });
  await control.until(({ frozen }) => frozen !== null);
  await gallery.photosAre(step.id, 2);
  await gallery.post(`/generation/steps/${step.id}/cancel`);
  await gallery.stepIs(step.id, ["cancelled"]);
  const before = await gallery.photosOf(step.id);
  expect(before).toHaveLength(2);
  await gallery.post(`/generation/steps/${step.id}/retry`);
  const photos = await madeBy(step, 4);
  expect(photos.map((photo) => photo.generation_metadata.seed)).toEqual([50, 50, 51, 51]);
  expect(photos.slice(0, 2).map(({ id }) => id)).toEqual(before.map(({ photo }) => photo.id));
}, 150_000);

test("a recipe whose number of pictures shows only at the end says so, and gets a slot for each", async () => {
  const recipe = await gallery.recipeOf("default_row");
  expect(recipe).toMatchObject({ outputs: 1, outputs_known: false });
  const stop = recipe.inputs.find((input: Body) => input.label.includes("Stop")).id;
  const step = await request(recipe, { seed: 5, batch_size: 2, inputs: { [stop]: 3 } });
  const photos = await madeBy(step, 6);
  expect(new Set(photos.map((photo) => photo.content_hash)).size).toBe(6);
  const seeds = photos.map((photo) => photo.generation_metadata.seed);
  expect(seeds.filter((seed) => seed === 5)).toHaveLength(3);
  expect(seeds.filter((seed) => seed === 6)).toHaveLength(3);
}, 150_000);

test("each combination of lists is drawn, each slot filled once, although the worker is killed between two", async () => {
  const recipe = await gallery.recipeOf("default_in-turn");
  const lists = recipe.inputs.filter((input: Body) => input.list);
  expect(lists.map(({ list }: Body) => list.group)).toEqual(["Group 1", "Group 1", undefined]);
  const small = { [inputOf(recipe, "width")]: 64, [inputOf(recipe, "height")]: 64 };
  const { control } = stack.invokeai;
  await control.holdStep({ item: 1, step: 1 });
  const step = await request(recipe, { seed: 90, batch_size: 2, inputs: small });
  expect(step.seeds).toEqual([90, 91, 90, 91, 90, 91, 90, 91]);
  await control.until(({ frozen }) => frozen !== null);
  await gallery.photosAre(step.id, 1);
  await until("the second of all images", async () => {
    const { progress_message: message } = await gallery.get(`/generation/steps/${step.id}`);
    return message?.includes("Image 2 of 8");
  });
  await started.worker.kill();
  await control.release();
  await stack.startWorker();
  const photos = await madeBy(step, 8);
  const drawn = photos.map(({ generation_metadata: made }) => [
    made.seed,
    made.prompt,
    made.steps,
    ...lists.map(({ id }: Body) => made.recipe.inputs[id][0]),
  ]);
  // What differs between them is among the inputs only.
  expect(drawn).toEqual([
    [90, "a red boat", undefined, "a red boat", 2, 3],
    [91, "a red boat", undefined, "a red boat", 2, 3],
    [90, "a red boat", undefined, "a red boat", 2, 7.5],
    [91, "a red boat", undefined, "a red boat", 2, 7.5],
    [90, "a grey boat", undefined, "a grey boat", 3, 3],
    [91, "a grey boat", undefined, "a grey boat", 3, 3],
    [90, "a grey boat", undefined, "a grey boat", 3, 7.5],
    [91, "a grey boat", undefined, "a grey boat", 3, 7.5],
  ]);
  expect(new Set(photos.map((photo) => photo.content_hash)).size).toBe(8);
  const batches = (await control.state()).enqueues.filter(({ batchId }) =>
    batchId.startsWith(step.id),
  );
  expect(batches.map(({ batchId, requested }) => [batchId, requested])).toEqual(
    [1, 2, 3, 4].map((number) => [`${step.id}-${number}`, 2]),
  );
  const last = photos.at(-1)!;
  const { invokeai } = await gallery.get(`/photos/${last.id}/metadata`);
  expect(invokeai).toMatchObject({ positive_prompt: "a grey boat", seed: 91 });
  expect((await gallery.reproduce(last.id)).verdict).toBe("identical");
  // Its own values, not all those of its step.
  const again = await gallery.post(`/photos/${last.id}/variations`, { same_seed: true });
  expect(again.step).toMatchObject({ prompt: "a grey boat", seeds: [91] });
  const [copy] = await madeBy(again.step, 1);
  expect(copy!.generation_metadata.recipe.inputs).toEqual(last.generation_metadata.recipe.inputs);
}, 150_000);

test("photos go through a batch node in turn, and each is the parent of what it became; a cancel keeps what exists", async () => {
  const recipe = await recipeFrom(softenInTurn);
  const id = inputOf(recipe, "source");
  const sources = await Promise.all(
    ["#a63", "#36a", "#6a3"].map(async (shade) =>
      gallery.upload(await plain(48, 40, shade).png().toBuffer()),
    ),
  );
  const ids = sources.map((source) => source.id);
  const { control } = stack.invokeai;
  await control.addFault({ route: "enqueueBatch", kind: "request_held", skip: 1, times: 1 });
  const step = await request(recipe, { inputs: { [id]: ids } });
  await gallery.photosAre(step.id, 1);
  await gallery.post(`/generation/steps/${step.id}/cancel`);
  await control.release();
  await gallery.stepIs(step.id, ["cancelled"]);
  const before = await gallery.photosOf(step.id);
  await gallery.post(`/generation/steps/${step.id}/retry`);
  const photos = await madeBy(step, 3);
  expect(photos[0]!.id).toBe(before[0]!.photo.id);
  expect(photos.map((photo) => photo.source_image_id)).toEqual(ids);
  for (const [at, photo] of photos.entries()) {
    const { edges } = await gallery.get(`/photos/${photo.id}/lineage`);
    expect(edges).toEqual([expect.objectContaining({ from: ids[at], to: photo.id })]);
  }
}, 90_000);

test("a node that the owner no longer allows does not reach InvokeAI, though its step was requested before", async () => {
  const allow = (types: string[]) =>
    gallery.patch("/settings", { generation: { allowed_node_types: types } });
  await allow(["hed_edge_detection"]);
  const recipe = await recipeFrom(workflowOf("Edges", "image", "hed_edge_detection"));
  const source = await gallery.upload(await plain(56, 40, "#2d6").png().toBuffer());
  const { control } = stack.invokeai;
  const before = (await control.state()).enqueues.length;
  await control.holdStep();
  const { id } = await gallery.createSession();
  const holder = await gallery.requestStep(id, { parameters: { batch_size: 1 } });
  await control.until((state) => state.frozen !== null);
  const inputs = { [inputOf(recipe, "source")]: source.id };
  const waiting = await request(recipe, { inputs });
  await allow([]);
  await control.release();
  await gallery.stepIs(holder.id, ["completed"]);
  const failed = await gallery.stepIs(waiting.id, ["completed", "failed"]);
  expect(failed.error).toMatchObject({
    code: "invokeai_graph_error",
    message: expect.stringContaining('"hed_edge_detection" is refused'),
  });
  const { enqueues } = await control.state();
  expect(enqueues).toHaveLength(before + 1);
}, 60_000);

test("a photo goes into a recipe as its source, and is the parent of what comes out", async () => {
  const recipe = await gallery.recipeOf("default_soften");
  expect(recipe.has_seed).toBe(false);
  const source = await gallery.upload(await plain(96, 80, "#a63").png().toBuffer());
  const step = await request(recipe, { source_image_id: source.id });
  const [photo] = await madeBy(step, 1);
  expect([photo.width, photo.height, photo.source_image_id]).toEqual([96, 80, source.id]);
  const { edges } = await gallery.get(`/photos/${photo.id}/lineage`);
  expect(edges).toEqual([expect.objectContaining({ from: source.id, to: photo.id })]);
}, 60_000);

test("a recipe from a photo runs the graph that the photo was made with", async () => {
  const step = await gallery.requestStep((await gallery.createSession()).id, {
    prompt: "a grey heron",
    parameters: { batch_size: 1, seed: 77 },
  });
  const [made] = await madeBy(step, 1);
  const recipe = await gallery.post("/recipes", { photo_id: made.id });
  expect(recipe.inputs.find((input: Body) => input.role === "prompt").default).toBe("a grey heron");
  const again = await request(recipe, { seed: 77, inputs: {} });
  const [photo] = await madeBy(again, 1);
  expect([photo.width, photo.height]).toEqual([made.width, made.height]);
  expect(photo.generation_metadata.prompt).toBe("a grey heron");
}, 150_000);

test("more like a photo of a recipe runs the recipe again, also once it was deleted", async () => {
  const recipe = await gallery.recipeOf("default_two-looks");
  const first = await madeBy(await request(recipe, { prompt: "a quay", seed: 3 }), 2);
  await fetch(`${gallery.url}/api/v1/recipes/${recipe.id}`, { method: "DELETE" });
  const { step } = await gallery.post(`/photos/${first[1]!.id}/variations`, {
    same_seed: true,
    prompt: "a pier",
  });
  const photos = await madeBy(step, 2);
  expect(step).toMatchObject({ recipe_id: recipe.id, prompt: "a pier", seeds: [3, 3] });
  const ids = [first[0]!.id, photos[0]!.id].join(",");
  const { parameters } = await gallery.get(`/generation/compare?ids=${ids}`);
  expect(parameters.map(({ name }: Body) => name)).toEqual(["prompt", "recipe"]);
}, 150_000);

test("a photo of a recipe's second output is reproduced", async () => {
  const recipe = await gallery.recipeOf("default_two-looks");
  const [, second] = await madeBy(await request(recipe, { seed: 21 }), 2);
  const { verdict } = await gallery.reproduce(second!.id);
  expect(verdict).toBe("identical");
}, 60_000);
