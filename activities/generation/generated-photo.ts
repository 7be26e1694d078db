import type { NewPhoto } from "#db/schema/photos";
import { optionsOf, paintingOf } from "#generation-parameters";
import type { Attempt, Slot, Step } from "#db/schema/steps";

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
    sourceImageId: step.sourceImageId,
    maskHash: step.maskHash,
    generation: {
      prompt: step.prompt,
      negativePrompt: step.negativePrompt ?? undefined,
      modelKey: step.modelKey,
      modelHash: step.modelHash,
      modelName: step.modelName,
      seed: slot.seed,
      steps: parameters.steps,
      cfgScale: parameters.cfgScale,
      scheduler: parameters.scheduler,
      width: parameters.width,
      height: parameters.height,
      strength: step.sourceImageId === null ? undefined : parameters.strength,
      vaeKey: parameters.vaeKey,
      t5EncoderKey: parameters.t5EncoderKey,
      clipEmbedKey: parameters.clipEmbedKey,
      ...optionsOf(parameters),
      ...paintingOf(parameters),
      ...(parameters.upscale && { upscale: parameters.upscale }),
      loras: parameters.loras ?? [],
    },
  };
}
