import type { GenerationMetadata, NewPhoto } from "#db/schema/photos";
import { companionKeysOf, optionsOf, paintingOf } from "#generation-parameters";
import type { Attempt, Slot, Step, StepRecipe } from "#db/schema/steps";
import { valuesOfCombination } from "#recipes/combinations";
import { itemOf, combinationOf } from "./item-slots";
import { promptsOf, recipePromptsOf } from "./step-graph";

/** The row of an image that InvokeAI has generated and that is not fetched yet. */
export function generatedPhoto(made: {
  id: string;
  step: Step;
  slot: Slot;
  attempt: Attempt;
  imageName: string;
}): NewPhoto & { sessionId: string } {
  const { id, step, slot, attempt, imageName } = made;
  const { parameters } = step;
  return {
    id,
    kind: "generated",
    filename: `${imageName.replace(/\.png$/, "")}.png`,
    retrievalStatus: "pending",
    backend: attempt.backend,
    invokeId: imageName,
    sessionId: step.sessionId,
    stepId: step.id,
    slotIndex: slot.index,
    sourceImageId:
      slot.enlargement || slot.sourceImageId !== null ? slot.sourceImageId : step.sourceImageId,
    maskHash: step.maskHash,
    references: step.references,
    generation: parameters.recipe
      ? madeByRecipe(step, slot, parameters.recipe)
      : madeByModel(step, slot),
  };
}

function madeByModel(step: Step, slot: Slot): GenerationMetadata {
  const { parameters } = step;
  const { prompt, negativePrompt } = promptsOf(step, slot);
  const upscale = slot.enlargement ? { scale: slot.enlargement.scale } : parameters.upscale;
  return {
    prompt,
    negativePrompt: step.negativePrompt === null ? undefined : negativePrompt,
    ...(step.expand && {
      promptTemplate: step.prompt,
      negativeTemplate: step.negativePrompt ?? undefined,
    }),
    modelKey: step.modelKey,
    modelHash: step.modelHash,
    modelName: step.modelName,
    seed: slot.seed,
    steps: parameters.steps,
    cfgScale: parameters.cfgScale,
    scheduler: parameters.scheduler,
    width: slot.enlargement?.width ?? parameters.width,
    height: slot.enlargement?.height ?? parameters.height,
    strength: step.sourceImageId === null ? undefined : parameters.strength,
    vaeKey: parameters.vaeKey,
    ...companionKeysOf(parameters),
    ...optionsOf(parameters),
    ...paintingOf(parameters),
    ...(parameters.hires && { hires: parameters.hires }),
    ...(upscale && { upscale }),
    loras: parameters.loras ?? [],
  };
}

/** 0 and "" stand for what is not known of the workflow. */
function madeByRecipe(step: Step, slot: Slot, recipe: StepRecipe): GenerationMetadata {
  const { parameters } = step;
  const { prompt, negativePrompt } = recipePromptsOf(step, slot);
  // Of the lists those values that it was made with, so that they can be requested again.
  const inputs = valuesOfCombination(
    recipe.axes ?? [],
    recipe.inputs,
    combinationOf(step, slot.index),
  );
  return {
    prompt: prompt || undefined,
    negativePrompt: negativePrompt ?? undefined,
    modelKey: step.modelKey || undefined,
    modelHash: step.modelHash || undefined,
    modelName: step.modelName || undefined,
    seed: slot.seed,
    steps: parameters.steps || undefined,
    cfgScale: parameters.cfgScale || undefined,
    scheduler: parameters.scheduler || undefined,
    width: parameters.width || undefined,
    height: parameters.height || undefined,
    recipe: {
      id: step.recipeId!,
      name: recipe.name,
      output: itemOf(step, slot.index).output,
      inputs,
    },
  };
}
