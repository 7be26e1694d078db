import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { readNodeCatalogue } from "#activities/adapters/invokeai/node-catalogue";
import { saveLibraryWorkflow, saveNodeCatalogue } from "#db/queries/recipes/recipe-sources";
import { recipes } from "#db/schema/recipes";
import { sessions } from "#db/schema/sessions";
import { slots, steps } from "#db/schema/steps";
import { describeNodes } from "#simulators/invokeai/node-schemas";
import { addPngText } from "#simulators/invokeai/png-text";
import { libraryWorkflows } from "#simulators/invokeai/workflow-library";
import { type Body, createTestApi, type TestApi } from "#tests/support/api";
import { exportOf, importInto } from "#tests/support/made-session";
import { insertModel, insertPhoto } from "#tests/support/rows";
import { pngOfShade, uploadedPhoto } from "#tests/support/uploads";

let api: TestApi;
let model: Body;

beforeAll(async () => {
  api = await createTestApi();
  const { db } = api.deps.database;
  const nodes = readNodeCatalogue({ components: { schemas: describeNodes() } });
  await saveNodeCatalogue(db, { place: "local", version: "6.14.2", nodes, readAt: new Date() });
  for (const workflow of libraryWorkflows) {
    await saveLibraryWorkflow(db, {
      place: "local",
      workflowId: workflow.id,
      name: workflow.name,
      description: workflow.description,
      category: "default",
      tags: workflow.tags,
      version: "1",
      workflow: workflow as Body,
    });
  }
  model = await insertModel(db);
}, 60_000);

afterAll(() => api.close());

const workflow = (id: string): Body =>
  structuredClone(libraryWorkflows.find((one) => one.id === `default_${id}`));

async function answerOf(response: Response): Promise<{ status: number; body: Body }> {
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

const post = async (path: string, body: unknown, headers = {}) =>
  answerOf(await api.postJson(`/api/v1${path}`, body, headers));
const get = async (path: string) => (await answerOf(await api.request(`/api/v1${path}`))).body;
const send = async (method: string, path: string, body?: unknown) =>
  answerOf(
    await api.request(`/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
  );

async function recipeOf(id: string): Promise<Body> {
  const { status, body } = await post("/recipes", { library_id: `default_${id}` });
  expect([status, body.error]).toEqual([201, undefined]);
  return body;
}

const idOf = (recipe: Body, role: string): string =>
  recipe.inputs.find((input: Body) => input.role === role).id;

async function requestStep(body: Body) {
  const session = await post("/generation/sessions", { entry_type: "scratch" });
  return post(`/generation/sessions/${session.body.id}/steps`, body);
}

const countRecipes = () => api.deps.database.db.$count(recipes);

describe("a recipe", () => {
  test("is made from the library, from JSON and from a photo, and lists its inputs", async () => {
    const library = await get("/recipes/library");
    expect(library.items.map(({ name }: Body) => name)).toEqual(
      libraryWorkflows.map(({ name }) => name).toSorted(),
    );
    const first = await recipeOf("text-to-image");
    expect(first).toMatchObject({ name: "Text to Image", origin: "library", outputs: 1 });
    const again = await post("/recipes", { workflow: workflow("text-to-image"), name: " Mine " });
    expect(again.body).toMatchObject({ name: "Mine", origin: "workflow", inputs: first.inputs });
    const png = addPngText(await pngOfShade(71), {
      invokeai_workflow: JSON.stringify(workflow("two-looks")),
    });
    const photo = await uploadBytes(png);
    const third = await post("/recipes", { photo_id: photo.id });
    expect(third.body).toMatchObject({ origin: "photo", photo_id: photo.id, outputs: 2 });
    const { items } = await get("/recipes?limit=2");
    expect(items.map(({ id }: Body) => id)).toEqual([third.body.id, again.body.id]);
  });

  test("is made once for the same Idempotency-Key", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const body = { library_id: "default_row" };
    const answers = await Promise.all([post("/recipes", body, key), post("/recipes", body, key)]);
    expect(answers[0]!.body).toEqual(answers[1]!.body);
  });

  test("takes corrected roles and labels, and is hidden once it is deleted", async () => {
    const recipe = await recipeOf("text-to-image");
    const width = idOf(recipe, "width");
    const changed = await send("PATCH", `/recipes/${recipe.id}`, {
      name: "Harbours",
      inputs: { [width]: { role: null, label: "Across" } },
    });
    const input = changed.body.inputs.find((one: Body) => one.id === width);
    expect([changed.body.name, input.label, input.role]).toEqual(["Harbours", "Across", undefined]);
    const wrong = await send("PATCH", `/recipes/${recipe.id}`, {
      inputs: { [width]: { role: "prompt" }, "n99.x": { role: null } },
    });
    expect(wrong.body.error.details.errors.map(({ path }: Body) => path)).toEqual([
      `inputs.${width}.role`,
      "inputs.n99.x",
    ]);
    expect((await send("DELETE", `/recipes/${recipe.id}`)).status).toBe(204);
    expect((await send("GET", `/recipes/${recipe.id}`)).status).toBe(404);
    expect((await send("DELETE", `/recipes/${recipe.id}`)).status).toBe(404);
    const refused = await requestStep({ recipe_id: recipe.id });
    expect([refused.status, refused.body.error.details.path]).toEqual([404, "recipe_id"]);
  });
});

describe("a workflow that may not run leaves no row", () => {
  const refusedBy = async (body: unknown): Promise<string> => {
    const before = await countRecipes();
    const answer = await post("/recipes", body);
    expect([answer.status, answer.body.error.code]).toEqual([400, "invokeai_graph_error"]);
    expect(await countRecipes()).toBe(before);
    return answer.body.error.message;
  };

  test("whether it comes from the library, from JSON or in a photo's chunk", async () => {
    expect(await refusedBy({ library_id: "default_prompts-from-file" })).toContain(
      "prompt_from_file",
    );
    const renamed = workflow("prompts-from-file");
    for (const node of renamed.nodes) node.data.label = "Save";
    expect(await refusedBy({ workflow: renamed })).toContain('"Save" (prompt_from_file)');
    const graph = { nodes: { a: { id: "a", type: "prompt_from_file", file_path: "/etc/passwd" } } };
    for (const chunk of [{ invokeai_workflow: renamed }, { invokeai_graph: graph }]) {
      const texts = Object.entries(chunk).map(([name, value]) => [name, JSON.stringify(value)]);
      const png = addPngText(await pngOfShade(Math.random() * 1e6), Object.fromEntries(texts));
      const photo = await uploadBytes(png);
      expect(await refusedBy({ photo_id: photo.id })).toContain("prompt_from_file");
    }
  });

  test("if a key stands in it twice, by the last one", async () => {
    const text = JSON.stringify({ workflow: workflow("soften") });
    const twice = text.replace('"type":"img_blur"', '"type":"img_blur","type":"prompt_from_file"');
    const answer = await answerOf(
      await api.request("/api/v1/recipes", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: twice,
      }),
    );
    expect(answer.body.error.message).toContain("prompt_from_file");
  });

  test("if it is 5 MiB of nodes, or nested a thousand levels deep: before it is parsed", async () => {
    const nodes = Array.from({ length: 60_000 }, (_, n) => ({ id: `n${n}`, type: "invocation" }));
    const before = await countRecipes();
    const large = await post("/recipes", { workflow: { nodes, pad: "x".repeat(3 * 1024 * 1024) } });
    expect(large.status).toBe(413);
    const deep = `{"workflow":${'{"a":'.repeat(1_000)}1${"}".repeat(1_001)}`;
    const response = await api.request("/api/v1/recipes", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: deep,
    });
    expect(response.status).toBe(400);
    expect(await countRecipes()).toBe(before);
  });

  test("if it is larger than a mebibyte, or nested too deeply, in a photo's chunk", async () => {
    const large = { ...workflow("soften"), pad: "x".repeat(1024 * 1024) };
    let deep: Body = {};
    for (let level = 0; level < 40; level += 1) deep = { deep };
    for (const value of [large, { ...workflow("soften"), deep }]) {
      for (const name of ["invokeai_workflow", "invokeai_graph"]) {
        const texts = { [name]: JSON.stringify(value) };
        const photo = await uploadBytes(addPngText(await pngOfShade(Math.random() * 1e6), texts));
        expect(await refusedBy({ photo_id: photo.id })).toContain("carries no workflow");
      }
    }
  });

  test("unless the owner allows its type in the settings; then it is checked again at each step", async () => {
    const value = workflow("soften");
    const infill = { id: "x", type: "invocation", data: { type: "esrgan", inputs: {} } };
    value.nodes.push(infill);
    // The simulator has no such node: the refusal says so before anything else.
    expect(await refusedBy({ workflow: value })).toContain("no node type");
    const recipe = await recipeOf("soften");
    const { db } = api.deps.database;
    const [row] = await db.select().from(recipes).where(eq(recipes.id, recipe.id));
    const template = structuredClone(row!.template);
    template.nodes["n1"]!.type = "prompt_from_file";
    await db.update(recipes).set({ template }).where(eq(recipes.id, recipe.id));
    const photo = await uploadedPhoto(api, 4_711);
    const refused = await requestStep({ recipe_id: recipe.id, source_image_id: photo.id });
    expect([refused.status, refused.body.error.code]).toEqual([400, "invokeai_graph_error"]);
  });

  test("if its own numbers make a range of more than 100 items, which no step could change", async () => {
    const value = workflow("row");
    value.exposedFields = value.exposedFields.filter(({ nodeId }: Body) => nodeId !== "range");
    value.nodes.find(({ id }: Body) => id === "range").data.inputs.stop.value = 1_000_000;
    expect(await refusedBy({ workflow: value })).toBe(
      'The node "Row" (range) makes 1000000 items with its stop, start, step; set them to make at most 100.',
    );
  });

  test("a photo without a workflow is refused, and so is more than one source", async () => {
    const photo = await uploadedPhoto(api, 4_712);
    expect(await refusedBy({ photo_id: photo.id })).toContain("carries no workflow");
    const unstorable = { ...workflow("soften"), name: "a\0b", description: "\ud800" };
    const texts = { invokeai_workflow: JSON.stringify(unstorable) };
    const damaged = await uploadBytes(addPngText(await pngOfShade(90_001), texts));
    expect(await refusedBy({ photo_id: damaged.id })).toContain("carries no workflow");
    for (const body of [{}, { photo_id: photo.id, library_id: "x" }]) {
      expect((await post("/recipes", body)).body.error.code).toBe("validation_error");
    }
    expect((await post("/recipes", { library_id: "nope" })).status).toBe(404);
  });
});

describe("a step of a recipe", () => {
  test("has a slot for each seed and output, and stores every value", async () => {
    const recipe = await recipeOf("two-looks");
    const { status, body } = await requestStep({
      recipe_id: recipe.id,
      prompt: "a gull",
      inputs: { [idOf(recipe, "model")]: model.key },
      seed: 7,
      batch_size: 2,
    });
    expect([status, body.error]).toEqual([202, undefined]);
    expect(body).toMatchObject({
      recipe_id: recipe.id,
      prompt: "a gull",
      seeds: [7, 7, 8, 8],
      batch_size: 4,
      model_key: model.key,
      parameters: { width: 512, height: 512, steps: 4, batch_size: 2, scheduler: "euler" },
    });
    expect(Object.values(body.parameters.recipe.inputs)).toEqual(
      expect.arrayContaining(["a gull", model.key, 4]),
    );
    const rows = await api.deps.database.db.select().from(slots).where(eq(slots.stepId, body.id));
    expect(rows).toHaveLength(4);
  });

  test("draws each combination of its lists with all seeds; too many are refused before anything is written", async () => {
    const recipe = await recipeOf("in-turn");
    const [prompts, counts, guidance] = recipe.inputs.flatMap(({ id, list }: Body) =>
      list ? [id] : [],
    );
    const inputs = { [idOf(recipe, "model")]: model.key };
    const before = await api.deps.database.db.$count(steps);
    const faultsOf = async (more: Body, batch_size = 1) => {
      const body = { recipe_id: recipe.id, inputs: { ...inputs, ...more }, batch_size };
      const answer = await requestStep(body);
      expect(answer.status).toBe(400);
      return answer.body.error.details.errors.map(({ path, message }: Body) => [path, message]);
    };
    const many = Array.from({ length: 51 }, (_, at) => at + 1);
    expect(await faultsOf({ [guidance]: many })).toEqual([
      [`inputs.${prompts}`, "shorter lists: they make 102 combinations; at most 100"],
    ]);
    expect(await faultsOf({ [guidance]: many.slice(0, 20) }, 3)).toEqual([
      ["batch_size", "a whole number from 1 to 2: each seed makes 40 pictures, a step at most 100"],
    ]);
    expect(await faultsOf({ [guidance]: 3, [counts]: [1, 2, 3] })).toEqual([
      [`inputs.${guidance}`, "a list of 1 to 100 values"],
      [`inputs.${counts}`, `as many values as inputs.${prompts}, which it goes together with: 2`],
    ]);
    expect(await api.deps.database.db.$count(steps)).toBe(before);

    const { status, body } = await requestStep({ recipe_id: recipe.id, inputs, seed: 4 });
    expect([status, body.prompt, body.seeds, body.batch_size]).toEqual([
      202,
      "a red boat",
      [4, 4, 4, 4],
      4,
    ]);
    expect(body.parameters).toMatchObject({
      width: 512,
      steps: 0,
      cfg_scale: 0,
      recipe: { axes: [[prompts, counts], [guidance]] },
    });
    const { db } = api.deps.database;
    const rows = await db
      .select()
      .from(slots)
      .where(eq(slots.stepId, body.id))
      .orderBy(slots.index);
    expect(rows.map(({ prompt }) => prompt)).toEqual([null, null, "a grey boat", "a grey boat"]);
    const role = await send("PATCH", `/recipes/${recipe.id}`, {
      inputs: { [counts]: { role: "seed" } },
    });
    expect([role.status, role.body.error.details.errors[0].path]).toEqual([
      400,
      `inputs.${counts}.role`,
    ]);
  });

  test("is refused with every fault at once, before anything is written", async () => {
    const recipe = await recipeOf("text-to-image");
    const before = await api.deps.database.db.$count(steps);
    const { status, body } = await requestStep({
      recipe_id: recipe.id,
      inputs: { [idOf(recipe, "width")]: 70, [idOf(recipe, "model")]: "gone", other: 1 },
      seed: 2 ** 32,
      batch_size: 11,
      source_image_id: crypto.randomUUID(),
    });
    expect(status).toBe(400);
    expect(body.error.details.errors.map(({ path }: Body) => path).toSorted()).toEqual(
      [
        `inputs.${idOf(recipe, "model")}`,
        `inputs.${idOf(recipe, "width")}`,
        "batch_size",
        "inputs.other",
        "seed",
        "source_image_id",
      ].toSorted(),
    );
    const mixed = await requestStep({
      recipe_id: recipe.id,
      parameters: { model_key: model.key },
    });
    expect(mixed.body.error.details.errors[0].path).toBe("parameters");
    const plain = await requestStep({ prompt: "x", parameters: { model_key: model.key }, seed: 1 });
    expect(plain.body.error.details.errors[0].path).toBe("seed");
    const neither = await requestStep({});
    expect(neither.body.error.details.errors.map(({ path }: Body) => path)).toEqual([
      "prompt",
      "parameters",
    ]);
    expect(await api.deps.database.db.$count(steps)).toBe(before);
  });

  test("may be drawn once for each value of one of its inputs, in a grid", async () => {
    const recipe = await recipeOf("two-looks");
    const radius = recipe.inputs.find((input: Body) => input.type === "number").id;
    const axes = [{ field: `inputs.${radius}`, values: [1, 3] }];
    const inputs = { [idOf(recipe, "model")]: model.key };
    const step = { recipe_id: recipe.id, inputs };
    const { status, body } = await send("POST", "/generation/grids", { axes, step });
    expect([status, body.columns]).toEqual([202, 2]);
    const { body: all } = await send("GET", `/generation/sessions/${body.id}/steps`);
    const drawn = all.items.map(({ parameters, seeds }: Body) => [
      parameters.recipe.inputs[radius],
      seeds[0],
    ]);
    expect(drawn).toEqual([
      [1, drawn[0][1]],
      [3, drawn[0][1]],
    ]);
  });

  test("whose input asks a range for more than 100 items is refused and writes nothing, also in a grid or variation", async () => {
    const { db } = api.deps.database;
    const recipe = await recipeOf("row");
    const stop = recipe.inputs.find((input: Body) => input.type === "integer").id;
    const inputs = { [idOf(recipe, "model")]: model.key };
    const tooMany = { ...inputs, [stop]: 1_000_000 };
    const countRows = async () => [await db.$count(sessions), await db.$count(steps)];
    const { body: session } = await post("/generation/sessions", { entry_type: "scratch" });
    const made = { id: recipe.id, name: recipe.name, output: 0, inputs: tooMany };
    const generation = { prompt: "a quay", modelKey: model.key, recipe: made };
    const photo = await insertPhoto(db, { kind: "generated", generation });
    const step = { recipe_id: recipe.id, inputs };
    const axes = [{ field: `inputs.${stop}`, values: [3, 1_000_000] }];
    const [before, calls] = [await countRows(), api.temporal.calls.length];
    const message =
      'the node "range" makes 1000000 items with its stop, start, step; set them to make at most 100';
    for (const [path, body, at, said] of [
      [`/generation/sessions/${session.id}/steps`, { ...step, inputs: tooMany }, "", message],
      [`/photos/${photo.id}/variations`, {}, "", message],
      [
        "/generation/grids",
        { axes, step },
        "cells.1.",
        `with inputs.${stop} = 1000000: ${message}`,
      ],
    ] as const) {
      const { status, body: refused } = await post(path, body);
      expect([status, refused.error.code]).toEqual([400, "validation_error"]);
      expect(refused.error.details.errors).toEqual([
        { path: `${at}inputs.${stop}`, message: said },
      ]);
    }
    expect([await countRows(), api.temporal.calls.length]).toEqual([before, calls]);
    const { status } = await requestStep({ ...step, inputs: { ...inputs, [stop]: 100 } });
    expect(status).toBe(202);
  });

  test("takes a prompt and sides of the usual size, also as inputs, and names the field that has the fault", async () => {
    const recipe = await recipeOf("text-to-image");
    const inputs = { [idOf(recipe, "model")]: model.key };
    const faultsOf = async (body: Body) => {
      const answer = await requestStep({ recipe_id: recipe.id, ...body });
      expect(answer.status).toBe(400);
      return answer.body.error.details.errors.map(({ path, message }: Body) => [path, message]);
    };
    const prompt = "x".repeat(10_001);
    const tooLong = "a text of at most 10000 characters";
    expect(await faultsOf({ inputs, prompt })).toEqual([["prompt", tooLong]]);
    const promptId = idOf(recipe, "prompt");
    expect(await faultsOf({ inputs: { ...inputs, [promptId]: prompt } })).toEqual([
      [`inputs.${promptId}`, tooLong],
    ]);
    const width = idOf(recipe, "width");
    const [[path, message]] = await faultsOf({ inputs: { ...inputs, [width]: 8_200 } });
    expect([path, message]).toEqual([`inputs.${width}`, expect.stringContaining("at most 8192")]);
    const modelId = idOf(recipe, "model");
    expect(await faultsOf({ inputs: { [modelId]: "gone" } })).toEqual([
      [`inputs.${modelId}`, "the key of an available model of type main and base sd-1"],
    ]);
  });

  test("without a seed runs once; its source has to be a fetched photo that is not in the trash", async () => {
    const recipe = await recipeOf("soften");
    const photo = await uploadedPhoto(api, 4_713);
    const many = await requestStep({
      recipe_id: recipe.id,
      source_image_id: photo.id,
      batch_size: 2,
    });
    expect(many.body.error.details.errors[0].path).toBe("batch_size");
    const without = await requestStep({ recipe_id: recipe.id });
    expect(without.body.error.details.errors[0].message).toContain("Photo to soften");
    const of = { recipe_id: recipe.id, source_image_id: photo.id };
    const seeded = await requestStep({ ...of, seed: 4 });
    expect(seeded.body.error.details.errors).toEqual([
      { path: "seed", message: "not supported: this recipe has no seed" },
    ]);
    const axes = [{ field: "source_image_id", values: [photo.id] }];
    const grid = await send("POST", "/generation/grids", { axes, step: { recipe_id: recipe.id } });
    expect(grid.status).toBe(202);
    const missing = crypto.randomUUID();
    const inputs = { [idOf(recipe, "source")]: missing };
    const pathsOf = async (body: Body) => (await requestStep(body)).body.error.details.path;
    expect(await pathsOf({ recipe_id: recipe.id, source_image_id: missing })).toBe(
      "source_image_id",
    );
    expect(await pathsOf({ recipe_id: recipe.id, inputs })).toBe(
      `inputs.${idOf(recipe, "source")}`,
    );
    await send("DELETE", `/photos/${photo.id}`);
    const trashed = await requestStep({ recipe_id: recipe.id, source_image_id: photo.id });
    expect(trashed.status).toBe(409);
  });

  test("cannot be requested, nor a recipe read, through a share link", async () => {
    const photo = await uploadedPhoto(api, 4_714);
    const link = await post("/share", { photo_id: photo.id });
    const recipe = await recipeOf("soften");
    for (const path of [
      `/share/${link.body.access_key}/recipes/${recipe.id}`,
      `/share/${link.body.access_key}/steps`,
    ]) {
      expect((await send("GET", path)).status).toBe(404);
      expect([404, 405]).toContain((await post(path, { recipe_id: recipe.id })).status);
    }
  });
});

test("a variation of a photo of a recipe takes inputs in place of parameters, of another photo no inputs", async () => {
  const { db } = api.deps.database;
  const { id, name } = await recipeOf("text-to-image");
  const generation = { prompt: "a quay", modelKey: model.key };
  const recipe = { id, name, output: 0, inputs: {} };
  const made = await insertPhoto(db, { kind: "generated", generation: { ...generation, recipe } });
  const plain = await insertPhoto(db, { kind: "generated", generation });
  const before = await db.$count(steps);
  for (const [photo, body, path] of [
    [made, { parameters: { steps: 9 } }, "parameters"],
    [made, { references: [] }, "parameters"],
    [plain, { inputs: {} }, "inputs"],
  ] as const) {
    const refused = await post(`/photos/${photo.id}/variations`, body);
    expect([refused.status, refused.body.error?.details.errors[0].path]).toEqual([400, path]);
  }
  expect(await db.$count(steps)).toBe(before);
});

test("an archive takes a recipe along, with the values of its step", async () => {
  const recipe = await recipeOf("soften");
  const photo = await uploadedPhoto(api, 4_715);
  // Not the source of the step: only its recipe knows it.
  const source = idOf(recipe, "source");
  await send("PATCH", `/recipes/${recipe.id}`, { inputs: { [source]: { role: null } } });
  const session = await post("/generation/sessions", { entry_type: "scratch" });
  const { body: step } = await post(`/generation/sessions/${session.body.id}/steps`, {
    recipe_id: recipe.id,
    inputs: { [source]: photo.id },
  });
  expect(step.source_image_id).toBeUndefined();
  const { db } = api.deps.database;
  const failed = { code: "invokeai_generation_error", message: "No.", suggestion: "Retry." };
  await db.update(slots).set({ status: "failed", error: failed }).where(eq(slots.stepId, step.id));
  const ended = { status: "failed" as const, completedAt: new Date(), error: failed };
  await db.update(steps).set(ended).where(eq(steps.id, step.id));
  const archive = await exportOf(api, session.body.id);
  const other = await createTestApi();
  try {
    expect((await importInto(other, archive)).status).toBe(201);
    const [, shown] = await other.call("GET", `/generation/steps/${step.id}`);
    expect(shown.parameters).toEqual(step.parameters);
    const [status, there] = await other.call("GET", `/recipes/${recipe.id}`);
    expect([status, there.origin, there.inputs.length]).toEqual([200, "import", 2]);
    const [found, copy] = await other.call("GET", `/photos/${photo.id}`);
    expect([found, copy.content_hash]).toEqual([200, photo.content_hash]);
  } finally {
    await other.close();
  }
}, 60_000);

async function uploadBytes(bytes: Uint8Array): Promise<Body> {
  const form = new FormData();
  form.append("file", new Blob([new Uint8Array(bytes)]), "made.png");
  const response = await api.request("/api/v1/photos", { method: "POST", body: form });
  return response.json();
}
