import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import { readNodeCatalogue } from "#activities/adapters/invokeai/node-catalogue";
import { placeRecipe, recipeNames } from "#activities/adapters/invokeai/graphs/index";
import { parseItem } from "#activities/adapters/invokeai/items";
import type { AppError } from "#errors";
import { bindRecipe } from "#recipes/bind";
import type { NodeCatalogue } from "#recipes/catalogue";
import { axesOf, countCombinations, valuesOfCombination } from "#recipes/combinations";
import { convertWorkflow } from "#recipes/convert";
import type { Json, NamedModel, RecipeInput, RecipeTemplate } from "#recipes/recipe";
import { libraryWorkflows } from "#simulators/invokeai/workflow-library";
import { examine } from "./examine.ts";
import { dataOf } from "./graphs.ts";
import { type Model, newBatchId } from "./target.ts";

// Every workflow of the server's library: converted and drawn where it has the models, else refused for the right reason.

/** Needed by some of them; each fetches its weights where they are missing. */
const allowed = ["ip_adapter", "esrgan"];
const small: Record<string, number> = { width: 64, height: 64, steps: 2, num_steps: 2 };

/** What a refusal may say: a node that may not run, or that the server no longer has. */
const reasons = /reads files|with video|no node type/;

await examine((target, promised) => {
  let models: Model[] = [];
  let catalogue: NodeCatalogue = {};
  let library: { name: string; workflow: unknown }[] = [];

  beforeAll(async () => {
    models = (await target.call("GET", "/api/v2/models/")).json.models as Model[];
    catalogue = readNodeCatalogue((await target.call("GET", "/openapi.json")).json);
    const path = "/api/v1/workflows/?page=0&per_page=100&order_by=name&direction=ASC";
    const { items } = (await target.call("GET", path)).json;
    library = await Promise.all(
      items.map(async ({ workflow_id: id, name }: { workflow_id: string; name: string }) => ({
        name,
        workflow: (await target.call("GET", `/api/v1/workflows/i/${id}`)).json.workflow,
      })),
    );
  });

  const convert = (workflow: unknown) => convertWorkflow(workflow, catalogue, allowed).template;

  /** The same with small pictures and few steps, also where no input sets them. */
  function shrink(template: RecipeTemplate): RecipeTemplate {
    for (const { literals } of Object.values(template.nodes)) {
      for (const [name, value] of Object.entries(small)) {
        if (typeof literals[name] === "number") literals[name] = value;
      }
    }
    return template;
  }

  /** A model for an input, of the base that the workflow has there; undefined: the server has none. */
  function modelFor(
    { modelTypes, modelBases, label, default: own }: RecipeInput,
    mainBase: string | undefined,
  ): Model | undefined {
    const named = own as NamedModel | undefined;
    const wantedBase = named?.base ?? (modelTypes?.includes("vae") ? mainBase : undefined);
    // A node for any model names no type.
    const untyped = /controlnet/i.test(label) ? ["controlnet"] : [];
    const types = modelTypes ?? (named ? [named.type] : untyped);
    return models.find(
      ({ type, base, variant }) =>
        types.includes(type) &&
        (!modelBases || modelBases.includes(base) || base === "any") &&
        (wantedBase === undefined || wantedBase === base) &&
        variant !== "inpaint",
    );
  }

  /** Small values for all inputs; undefined: the server lacks a model. */
  async function valuesFor(template: RecipeTemplate) {
    const values: Record<string, Json> = {};
    const used = new Map<string, Model>();
    const picture = await sharp({
      create: { width: 64, height: 64, channels: 3, background: "#a63" },
    })
      .png()
      .toBuffer();
    for (const input of template.inputs) {
      const field = input.id.split(".")[1]!;
      if (input.kind === "model") {
        const isNeeded = input.isRequired || input.default !== undefined;
        const [main] = [...used.values()].filter(({ type }) => type === "main");
        const model = modelFor(input, main?.base);
        if (!model && isNeeded) return undefined;
        if (!model || (!isNeeded && input.modelTypes?.[0] === "main")) continue;
        used.set(model.key, model);
        values[input.id] = model.key;
      } else if (input.kind === "image") {
        values[input.id] = (await target.upload(picture)).json.image_name;
      } else if (input.default !== undefined) {
        values[input.id] = small[field] ?? input.default;
      }
    }
    return { values, used };
  }

  promised(
    "every workflow of the library is converted, or refused for the right reason",
    [],
    () => {
      expect(library.length).toBeGreaterThan(0);
      for (const { name, workflow } of library) {
        try {
          expect([name, convert(workflow).outputs.length > 0]).toEqual([name, true]);
        } catch (error) {
          expect([name, (error as AppError).message]).toEqual([
            name,
            expect.stringMatching(reasons),
          ]);
        }
      }
    },
  );

  /** The graph of a recipe, as a step sends it. */
  function graphOf(
    template: RecipeTemplate,
    { values, used }: { values: Record<string, Json>; used: ReadonlyMap<string, Model> },
    batchId: string,
  ) {
    const bound = bindRecipe(template, {
      values,
      seeds: template.inputs.flatMap(({ id, role }) => (role === "seed" ? [id] : [])),
      outputs: template.outputs,
      names: recipeNames,
      model(key) {
        const { hash, name, base, type } = used.get(key)!;
        return { key, hash, name, base, type };
      },
      imageName: String,
    });
    return placeRecipe(bound, {
      batchId,
      boardId: null,
      template,
      catalogue,
      prompt: "a gull",
      negativePrompt: null,
    });
  }

  promised(
    "each combination of the lists of batch nodes is drawn; a value out of range is refused at once",
    [],
    async () => {
      const workflow = libraryWorkflows.find(({ id }) => id === "default_in-turn");
      const template = shrink(convert(workflow));
      const chosen = await valuesFor(template);
      expect(chosen).toBeDefined();
      const axes = axesOf(template);
      expect(countCombinations(axes, chosen!.values)).toBe(4);
      for (const combination of [0, 3]) {
        const batchId = newBatchId();
        const values = valuesOfCombination(axes, chosen!.values, combination);
        const graph = graphOf(template, { ...chosen!, values }, batchId);
        const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [combination])]];
        expect((await target.enqueue({ batch_id: batchId, graph, data })).status).toBe(200);
        const [item] = (await target.finishedItems(batchId)).map(parseItem);
        expect([item?.status, item?.pictures.length]).toEqual(["completed", 1]);
      }
      const batchId = newBatchId();
      const [, , guidance] = template.inputs.flatMap(({ id, list }) => (list ? [id] : []));
      const values = { ...valuesOfCombination(axes, chosen!.values, 0), [guidance!]: ["much"] };
      const graph = graphOf(template, { ...chosen!, values }, batchId);
      const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
      expect((await target.enqueue({ batch_id: batchId, graph, data })).status).toBe(422);
    },
  );

  promised(
    "every converted workflow whose models it has is accepted, and its pictures are found",
    [],
    async () => {
      const results: string[] = [];
      for (const { name, workflow } of library) {
        let template: RecipeTemplate;
        try {
          template = shrink(convert(workflow));
        } catch {
          continue;
        }
        const chosen = await valuesFor(template);
        if (!chosen) {
          results.push(`${name}: no model`);
          continue;
        }
        const batchId = newBatchId();
        const axes = axesOf(template);
        const values = valuesOfCombination(axes, chosen.values, 0);
        const graph = graphOf(template, { ...chosen, values }, batchId);
        const answer = await target.enqueue({
          batch_id: batchId,
          graph,
          data: [[dataOf("seed", "value", [7, 8]), dataOf("slot", "value", [0, 1])]],
        });
        expect([name, answer.status, answer.status < 300 ? "" : answer.json]).toEqual([
          name,
          200,
          "",
        ]);
        const items = (await target.finishedItems(batchId)).map(parseItem);
        const made = items.map(({ status, pictures, failure }) =>
          status === "completed" ? pictures.length : `${status} ${failure?.reason ?? ""}`,
        );
        results.push(`${name}: ${made.join(", ")}`);
        if (items.every(({ status }) => status === "completed")) {
          for (const { pictures } of items) {
            const outputs = new Set(pictures.map(({ output }) => output));
            expect([name, outputs.size]).toEqual([name, template.outputs.length]);
          }
        }
      }
      // The table in docs/generation/recipes.md is from here.
      if (Bun.env.GALLERY_TEST_INVOKEAI_URL !== undefined) console.log(results.join("\n"));
    },
  );
});
