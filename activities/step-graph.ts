import type { Db } from "#db/client";
import { findModelsByKey } from "#db/queries/model-lookup";
import type { Step } from "#db/schema/steps";
import { describeFailure } from "./adapters/invokeai/errors";
import { buildGraph, type Graph } from "./adapters/invokeai/graphs/index";
import type { ModelIdentifier } from "./adapters/invokeai/types";
import { giveUp } from "./failures";

/** InvokeAI's own default: the source is still to be seen. */
const defaultStrength = 0.75;

/**
 * The graph of a step, from its row and the models as last seen.
 * @throws ApplicationFailure when a model was never seen; AppError of the graph builder
 */
export async function stepGraph(
  db: Db,
  params: { step: Step; sourceImageName: string | null },
): Promise<Graph> {
  const { step, sourceImageName } = params;
  const { parameters } = step;
  const loras = parameters.loras ?? [];
  const keys = [parameters.modelKey, parameters.vaeKey, ...loras.map((lora) => lora.modelKey)];
  const models = await findModelsByKey(
    db,
    keys.filter((key) => key !== undefined),
  );
  const identify = (key: string): ModelIdentifier => {
    const model = models.get(key);
    if (!model) throw giveUp(describeFailure("model_missing"));
    const { hash, name, base, type } = model;
    return { key, hash, name, base, type };
  };
  const { width, height } = parameters;
  return buildGraph({
    prompt: step.prompt,
    negativePrompt: step.negativePrompt ?? "",
    width,
    height,
    steps: parameters.steps,
    cfgScale: parameters.cfgScale,
    scheduler: parameters.scheduler,
    clipSkip: parameters.clipSkip ?? 0,
    model: identify(parameters.modelKey),
    vae: parameters.vaeKey === undefined ? null : identify(parameters.vaeKey),
    loras: loras.map((lora) => ({ model: identify(lora.modelKey), weight: lora.weight })),
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
