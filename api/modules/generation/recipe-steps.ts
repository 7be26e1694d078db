import type { ApiDeps } from "../../deps";
import type { Tx } from "#db/client";
import { insertEvents } from "#db/queries/events/events";
import { findStepOfSession, insertStep, type NewSlot } from "#db/queries/generation/step-requests";
import { getSettings } from "#db/queries/installation/settings";
import { touchModel } from "#db/queries/models/models";
import { findNodeCatalogue } from "#db/queries/recipes/recipe-sources";
import { findRecipe, findUsedRecipes } from "#db/queries/recipes/recipes";
import type { NewEvent } from "#db/schema/events";
import type { Recipe } from "#db/schema/recipes";
import type { StepParameters } from "#db/schema/steps";
import { AppError, type FieldFault, invalid, notFound } from "#errors";
import { checkTemplate } from "#recipes/check-template";
import { completeInputs, pathOf, type RoleValues } from "#recipes/complete-inputs";
import { hasSeed } from "#recipes/has-seed";
import { type KnownParameters, knownParameters } from "#recipes/known-parameters";
import type { Json, RecipeInput, RecipeTemplate } from "#recipes/recipe";
import { axesOf, countCombinations, singleOf, valuesOfCombination } from "#recipes/combinations";
import { drawSeed, seedCount, seedsOf } from "./parameters";
import { withModels } from "./recipe-models";
import { type RequestedSchedule, scheduleIn } from "./schedule-model";
import { checkPicture, findParent, resolveSource } from "./source";
import { lockActiveSession, notifySession } from "./steps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

export type RecipeStepRequest = {
  id: string;
  sessionId: string;
  recipeId: string;
  /** undefined: the workflow's own. */
  prompt: string | undefined;
  negativePrompt: string | undefined;
  inputs: Readonly<Record<string, Json>>;
  /** undefined: `commonSeed`, else random. */
  seed: number | undefined;
  /** Of a step that goes together with others. */
  commonSeed?: number;
  /** How many seeds; undefined: one. */
  batchSize: number | undefined;
  parentId: string | null;
  sourceImageId: string | null;
  /** Omitted fields are those of the session. */
  schedule?: RequestedSchedule;
  /** The recipe may be deleted: a photo was made with it. */
  isAgain?: boolean;
};

/** Of a step; the bound of its column. */
const maxImages = 100;

/**
 * Writes a step that runs a recipe, then notifies the session's workflow. Everything is checked before.
 * @throws AppError not_found, conflict, validation_error, invokeai_graph_error
 */
export async function requestRecipeStep(deps: Deps, requested: RecipeStepRequest): Promise<void> {
  const { id: stepId, sessionId } = requested;
  await deps.database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key.
    if (await findStepOfSession(tx, { sessionId, stepId })) return;
    await insertEvents(tx, [await writeRecipeStep(deps, tx, requested)]);
  });
  await notifySession(deps, { sessionId, stepId });
}

/**
 * Writes the step without notifying its workflow. The caller inserts the returned event last in the transaction.
 * @throws AppError as `requestRecipeStep`
 */
export async function writeRecipeStep(
  deps: Pick<Deps, "config" | "now" | "newId">,
  tx: Tx,
  requested: RecipeStepRequest,
): Promise<NewEvent<"step.requested">> {
  const { id, sessionId } = requested;
  const session = await lockActiveSession(tx, sessionId);
  const parent =
    requested.parentId === null
      ? null
      : await findParent(tx, { sessionId, parentId: requested.parentId });
  const recipe = await findRunnable(deps, tx, requested);
  const { template } = recipe;
  const faults: FieldFault[] = [];
  const withFault = (fault: FieldFault) => void faults.push(fault);

  const source = await chooseSource(tx, template, requested, { session, parent });
  const { prompt, negativePrompt } = requested;
  const byRole: RoleValues = {
    ...(prompt !== undefined && { prompt }),
    ...(negativePrompt !== undefined && { negative: negativePrompt }),
    ...(source !== null && { source }),
  };
  const seed = requested.seed ?? requested.commonSeed ?? drawSeed();
  if (requested.seed !== undefined && !requested.isAgain && !usesSeed(template)) {
    withFault({ path: "seed", message: "not supported: this recipe has no seed" });
  }
  const completed = completeInputs(template, requested.inputs, byRole, seed, withFault);
  const { values, models } = await withModels(tx, template, completed, withFault);
  const axes = axesOf(template);
  const batchSize = requested.batchSize ?? 1;
  const counts = { seed, batchSize, combinations: countCombinations(axes, values) };
  checkCounts(deps, template, counts, withFault);
  if (faults.length > 0) throw invalid("The step cannot be requested; see details.errors.", faults);
  await checkImages(tx, template, values, (input) => pathOf(input, requested.inputs, byRole));

  const all = Array.from({ length: counts.combinations }, (_, at) =>
    valuesOfCombination(axes, values, at),
  );
  const first = ofRoles(template, all[0]!);
  const model = [...models.values()].find(({ type }) => type === "main");
  const known = knownOfAll(template, all);
  const parameters: StepParameters = {
    modelKey: model?.key ?? "",
    modelHash: model?.hash ?? "",
    width: known.width ?? 0,
    height: known.height ?? 0,
    steps: known.steps ?? 0,
    cfgScale: known.cfgScale ?? 0,
    scheduler: known.scheduler ?? "",
    batchSize,
    seed,
    recipe: {
      name: recipe.name,
      inputs: values,
      models: [...models.values()].map(({ key, hash }) => ({ key, hash })),
      seeds: template.inputs.flatMap(({ id, role }) => (role === "seed" ? [id] : [])),
      outputs: template.outputs.length,
      ...(axes.length > 0 && { axes }),
    },
  };
  const step = await insertStep(tx, {
    step: {
      id,
      sessionId,
      parentId: parent?.id ?? null,
      sourceImageId: first.source ?? null,
      maskHash: null,
      references: null,
      recipeId: recipe.id,
      prompt: first.prompt ?? "",
      negativePrompt: first.negative || null,
      expand: false,
      parameters,
      ...scheduleIn(session, requested.schedule),
      modelKey: parameters.modelKey,
      modelHash: parameters.modelHash,
      modelName: model?.name ?? "",
      correlationId: deps.newId(),
      batchSize: counts.combinations * batchSize * template.outputs.length,
    },
    // Each seed makes all outputs, and each combination has all seeds: their slots follow each other.
    slots: all.flatMap((chosen) => {
      const own = axes.length === 0 ? {} : ownOf(ofRoles(template, chosen), first);
      return seedsOf(parameters).flatMap((seed) => template.outputs.map(() => ({ seed, ...own })));
    }),
  });
  if (model) await touchModel(tx, { key: model.key, now: deps.now() });
  return { type: "step.requested", sessionId, data: { step_id: id, position: step.position } };
}

/** The recipe, if InvokeAI can run it as it is now. */
async function findRunnable(
  deps: Pick<Deps, "config">,
  tx: Tx,
  { recipeId, isAgain = false }: RecipeStepRequest,
): Promise<Recipe> {
  const recipe = isAgain
    ? (await findUsedRecipes(tx, [recipeId]))[0]
    : await findRecipe(tx, recipeId);
  if (!recipe) throw notFound("recipe", "recipe_id");
  const settings = await getSettings(tx, deps.config);
  const catalogue = await findNodeCatalogue(tx);
  const allowed = settings["generation.allowed_node_types"];
  const refused = checkTemplate(recipe.template, catalogue, allowed);
  if (refused === undefined) return recipe;
  throw new AppError({
    kind: "invalid",
    code: "invokeai_graph_error",
    message: refused,
    details: { path: "recipe_id" },
  });
}

/** The step's own source image, else, if the recipe has an input for it that nothing sets, that of parent or session. */
async function chooseSource(
  tx: Tx,
  template: RecipeTemplate,
  { sourceImageId, inputs }: RecipeStepRequest,
  context: Pick<Parameters<typeof resolveSource>[1], "session" | "parent">,
): Promise<string | null> {
  if (sourceImageId !== null) return sourceImageId;
  const input = template.inputs.find(({ role }) => role === "source");
  if (!input || inputs[input.id] !== undefined) return null;
  return resolveSource(tx, { ...context, sourceImageId: null });
}

/** @throws AppError for an image that cannot be used now */
async function checkImages(
  tx: Tx,
  template: RecipeTemplate,
  values: Readonly<Record<string, Json>>,
  pathOfInput: (input: RecipeInput) => string,
): Promise<void> {
  for (const input of template.inputs) {
    if (input.kind !== "image") continue;
    for (const photoId of [values[input.id]].flat()) {
      if (typeof photoId === "string")
        await checkPicture(tx, { photoId, path: pathOfInput(input) });
    }
  }
}

/** Whether another seed makes other pictures, or draws other lists. */
function usesSeed(template: RecipeTemplate): boolean {
  return hasSeed(template) || template.inputs.some(({ list }) => list?.drawn !== undefined);
}

function checkCounts(
  { config }: Pick<Deps, "config">,
  template: RecipeTemplate,
  { seed, batchSize, combinations }: { seed: number; batchSize: number; combinations: number },
  withFault: (fault: FieldFault) => void,
): void {
  const { maxBatchSize, maxGridCells } = config.limits;
  const outputs = template.outputs.length;
  const maxCombinations = Math.min(maxGridCells, Math.floor(maxImages / outputs));
  const [list] = template.inputs.filter((input) => input.list);
  if (list && combinations > maxCombinations) {
    const message = `shorter lists: they make ${combinations} combinations; at most ${maxCombinations}`;
    withFault({ path: `inputs.${list.id}`, message });
    return;
  }
  const most = Math.min(maxBatchSize, Math.floor(maxImages / (outputs * combinations)));
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > most) {
    const why =
      most < maxBatchSize
        ? `: each seed makes ${outputs * combinations} pictures, a step at most ${maxImages}`
        : "";
    withFault({ path: "batch_size", message: `a whole number from 1 to ${most}${why}` });
  } else if (batchSize > 1 && !hasSeed(template)) {
    withFault({ path: "batch_size", message: "1: this recipe has no seed, so all runs are alike" });
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= seedCount) {
    withFault({ path: "seed", message: `a whole number from 0 to ${seedCount - 1}` });
  }
}

type RoleTexts = { prompt?: string; negative?: string; source?: string };

/** The values of a combination that a step has fields for. */
function ofRoles({ inputs }: RecipeTemplate, values: Readonly<Record<string, Json>>): RoleTexts {
  const texts: RoleTexts = {};
  for (const role of ["prompt", "negative", "source"] as const) {
    const input = inputs.find((candidate) => candidate.role === role);
    const value = input && singleOf(values[input.id]);
    if (typeof value === "string") texts[role] = value;
  }
  return texts;
}

/** What the slots of a combination have other than their step, which has the values of the first. */
function ownOf({ prompt, negative, source }: RoleTexts, first: RoleTexts): Omit<NewSlot, "seed"> {
  return {
    ...(prompt !== undefined && prompt !== first.prompt && { prompt }),
    ...(negative !== undefined && negative !== first.negative && { negativePrompt: negative }),
    ...(source !== undefined && source !== first.source && { sourceImageId: source }),
  };
}

/** What is known of the workflow and alike in all combinations. */
function knownOfAll(
  template: RecipeTemplate,
  combinations: readonly Readonly<Record<string, Json>>[],
): KnownParameters {
  const all = combinations.map((values) => knownParameters(template, values));
  const isAlike = ([name, value]: [string, unknown]) =>
    all.every((known) => known[name as keyof KnownParameters] === value);
  return Object.fromEntries(Object.entries(all[0] ?? {}).filter(isAlike));
}
