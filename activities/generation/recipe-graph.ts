import { findUsedRecipes } from "#db/queries/recipes/recipes";
import { findNodeCatalogueAt } from "#db/queries/recipes/recipe-sources";
import { modelListOf } from "#db/queries/models/installs";
import { resolveModels } from "#db/queries/models/model-lookup";
import { getSettings } from "#db/queries/installation/settings";
import type { Recipe } from "#db/schema/recipes";
import type { Step } from "#db/schema/steps";
import { type BoundGraph, bindRecipe } from "#recipes/bind";
import { checkTemplate } from "#recipes/check-template";
import type { RecipeTemplate } from "#recipes/recipe";
import { valuesOfCombination } from "#recipes/combinations";
import { describeFailure } from "../adapters/invokeai/errors";
import { identify, placeRecipe, recipeNames } from "../adapters/invokeai/graphs/index";
import type { ActivityDeps } from "../deps";
import { permanentFailure } from "../failures";
import { readRecipeSources } from "../backend/read-recipe-sources";
import { ensureUploadedPicture } from "./uploaded-source";

type Deps = Pick<
  ActivityDeps,
  "config" | "database" | "storage" | "decodeLimits" | "invokeai" | "now"
>;

/** @throws ApplicationFailure when the step names no recipe that exists */
export async function recipeOf(deps: Pick<ActivityDeps, "database">, step: Step): Promise<Recipe> {
  const [recipe] =
    step.recipeId === null ? [] : await findUsedRecipes(deps.database.db, [step.recipeId]);
  if (recipe) return recipe;
  throw permanentFailure({
    code: "invokeai_graph_error",
    message: "The recipe of this step is gone.",
    suggestion: "Request a step with another recipe.",
  });
}

/** The photos that a step of a recipe gives to its images. */
function photosOf(template: RecipeTemplate, step: Step): string[] {
  const given = step.parameters.recipe?.inputs ?? {};
  return template.inputs.flatMap(({ id, kind }) =>
    kind === "image" ? [given[id]].flat().filter((value) => typeof value === "string") : [],
  );
}

/**
 * The graph of a step's recipe, with the models as the place has them now. The nodes are checked again: the recipe may come
 * from an archive, and the settings may have changed.
 * @param made.images InvokeAI's names of the step's images, by photo
 * @param made.combination whose values the graph gets
 * @param made.outputs those whose pictures are missing
 */
export async function recipeGraph(
  deps: Deps,
  made: {
    step: Step;
    backend: string;
    images: ReadonlyMap<string, string>;
    combination: number;
    /** The final prompts of its slots. */
    prompts: { prompt: string; negativePrompt: string | null };
    outputs: readonly number[];
    batchId: string;
    boardId: string | null;
  },
): Promise<BoundGraph> {
  const { step, backend } = made;
  const { db } = deps.database;
  const { template } = await recipeOf(deps, step);
  const settings = await getSettings(db, deps.config);
  const catalogue = (await findNodeCatalogueAt(db, modelListOf(backend)))?.nodes;
  const allowed = settings["generation.allowed_node_types"];
  const refused = checkTemplate(template, catalogue, allowed);
  if (refused !== undefined) {
    throw permanentFailure({
      code: "invokeai_graph_error",
      message: refused,
      suggestion: "Change the recipe's workflow, or the setting.",
    });
  }
  const { inputs = {}, models: named = [], seeds = [], axes = [] } = step.parameters.recipe ?? {};
  const models = await resolveModels(db, named, backend);
  const graph = bindRecipe(template, {
    values: valuesOfCombination(axes, inputs, made.combination),
    seeds,
    outputs: made.outputs.map((output) => template.outputs[output]!),
    names: recipeNames,
    model(key) {
      const model = models.get(key);
      if (!model?.isAvailable) throw permanentFailure(describeFailure("model_missing"));
      return identify(model);
    },
    imageName: (photoId) => made.images.get(photoId)!,
  });
  return placeRecipe(graph, { ...made, ...made.prompts, template, catalogue });
}

/**
 * What a step's recipe needs at its place before the graph can be built: the node types of that InvokeAI, and the step's
 * images. Returns InvokeAI's names of the images, by photo; a repeat uploads nothing twice.
 */
export async function prepareRecipe(
  deps: Deps,
  { step, backend }: { step: Step; backend: string },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const known = await findNodeCatalogueAt(deps.database.db, modelListOf(backend));
  if (!known) await readRecipeSources(deps, backend, signal);
  const { template } = await recipeOf(deps, step);
  const names = new Map<string, string>();
  for (const photoId of new Set(photosOf(template, step))) {
    const imageName = await ensureUploadedPicture(deps, { photoId, backend }, signal);
    if (imageName === undefined) {
      throw permanentFailure({
        code: "invokeai_generation_error",
        message: "An image that this step uses is gone.",
        suggestion: "Request the step with another image.",
      });
    }
    names.set(photoId, imageName);
  }
  return names;
}
