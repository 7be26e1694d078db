import type { Db } from "#db/client";
import { type NamedModel, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import type { Attempt, ImageNames, Step, StepParameters } from "#db/schema/steps";
import { optionsOf } from "#generation-parameters";
import { describeFailure } from "../adapters/invokeai/errors";
import {
  buildGraph,
  buildUpscaleGraph,
  type Graph,
  type PaintedPart,
} from "../adapters/invokeai/graphs/index";
import { permanentFailure } from "../failures";

/** InvokeAI's own default; the source remains recognizable. */
const defaultStrength = 0.75;

/** All models of a step, as requested. */
export function modelsOfStep({ parameters, modelHash }: Step): NamedModel[] {
  const { modelKey, vaeKey, t5EncoderKey, clipEmbedKey, loras = [] } = parameters;
  const others = [vaeKey, t5EncoderKey, clipEmbedKey, ...loras.map((lora) => lora.modelKey)];
  return [
    { key: modelKey, hash: modelHash },
    ...others.filter((key) => key !== undefined).map((key) => ({ key })),
  ];
}

/**
 * The graph of a step, from its row and the models of the backend as last read. A model whose key has changed is found by its hash.
 * @throws ApplicationFailure when a model is gone or was never seen; AppError of the graph builder
 */
export async function stepGraph(
  db: Db,
  params: {
    step: Step;
    attempt: Pick<Attempt, "backend" | "sourceImageName" | "imageNames">;
  },
): Promise<Graph> {
  const { step, attempt } = params;
  const { backend, sourceImageName } = attempt;
  const { parameters } = step;
  const models = await resolveModels(db, modelsOfStep(step), backend);
  const find = (key: string): Model => {
    const model = models.get(key);
    if (!model?.isAvailable) throw permanentFailure(describeFailure("model_missing"));
    return model;
  };
  if (parameters.upscale && sourceImageName !== null) {
    return buildUpscaleGraph({
      model: find(parameters.modelKey),
      imageName: sourceImageName,
      prompt: step.prompt,
      scale: parameters.upscale.scale,
      width: parameters.width,
      height: parameters.height,
    });
  }
  const { width, height, vaeKey, t5EncoderKey, clipEmbedKey, loras = [] } = parameters;
  return buildGraph({
    prompt: step.prompt,
    negativePrompt: step.negativePrompt ?? "",
    width,
    height,
    steps: parameters.steps,
    cfgScale: parameters.cfgScale,
    scheduler: parameters.scheduler,
    ...optionsOf(parameters),
    model: find(parameters.modelKey),
    vae: vaeKey === undefined ? null : find(vaeKey),
    encoders:
      t5EncoderKey === undefined || clipEmbedKey === undefined
        ? null
        : { t5: find(t5EncoderKey), clip: find(clipEmbedKey) },
    loras: loras.map((lora) => ({ model: find(lora.modelKey), weight: lora.weight })),
    source:
      sourceImageName === null
        ? null
        : {
            imageName: sourceImageName,
            width,
            height,
            strength: parameters.strength ?? defaultStrength,
            ...partOf(parameters, attempt.imageNames),
          },
  });
}

/** The painted part, if it is not the whole picture that is generated. */
function partOf(
  { maskFill = "source", expand, region }: StepParameters,
  { mask, base, blend, canvas }: ImageNames,
): { part?: PaintedPart } {
  if (!mask || !base || !blend || !region) return {};
  const isExpanded = expand !== undefined;
  return {
    part: { isExpanded, fill: maskFill, mask, base, blend, region, canvas: canvas ?? null },
  };
}
