import type { Db } from "#db/client";
import { type NamedModel, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import type { Step } from "#db/schema/steps";
import { companionKeysOf, companions, optionsOf } from "#generation-parameters";
import { describeFailure } from "../adapters/invokeai/errors";
import { buildGraph, type Graph } from "../adapters/invokeai/graphs/index";
import { permanentFailure } from "../failures";

/** InvokeAI's own default; the source remains recognizable. */
const defaultStrength = 0.75;

/** All models of a step, as requested. */
export function modelsOfStep({ parameters, modelHash }: Step): NamedModel[] {
  const { modelKey, vaeKey, loras = [] } = parameters;
  const others = [
    vaeKey,
    ...Object.values(companionKeysOf(parameters)),
    ...loras.map((lora) => lora.modelKey),
  ];
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
  params: { step: Step; backend: string; sourceImageName: string | null },
): Promise<Graph> {
  const { step, backend, sourceImageName } = params;
  const { parameters } = step;
  const models = await resolveModels(db, modelsOfStep(step), backend);
  const find = (key: string): Model => {
    const model = models.get(key);
    if (!model?.isAvailable) throw permanentFailure(describeFailure("model_missing"));
    return model;
  };
  const { width, height, vaeKey, loras = [] } = parameters;
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
    companions: Object.fromEntries(
      companions.flatMap(({ name, field }) => {
        const key = parameters[field];
        return key === undefined ? [] : [[name, find(key)]];
      }),
    ),
    loras: loras.map((lora) => ({ model: find(lora.modelKey), weight: lora.weight })),
    source:
      sourceImageName === null
        ? null
        : {
            imageName: sourceImageName,
            width,
            height,
            strength: parameters.strength ?? defaultStrength,
          },
  });
}
