import { AppError } from "#errors";
import { type BaseFacts, factsOf } from "../bases";
import { isLoadable } from "../companions";
import type { InvokeAiModel, MainModel } from "../types";
import { checkRequest, isCfgScale, isOption, isScheduler, isSize, isSteps } from "./check-request";
import { buildFluxGraph } from "./flux";
import type { Graph } from "./graph";
import type { GraphRequest } from "./request";
import { buildSd1Graph } from "./sd1";
import { buildSd2Graph } from "./sd2";
import { buildSdxlGraph } from "./sdxl";
import { transformerBases } from "./transformer-bases";
import { buildTransformerGraph } from "./transformers";

// A Map: the base is a string of the server, and a plain object has inherited keys.
const builders: ReadonlyMap<string, (request: GraphRequest) => Graph> = new Map([
  ...transformerBases.map((base) => [base, buildTransformerGraph] as const),
  ["sd-1", buildSd1Graph],
  ["sd-2", buildSd2Graph],
  ["sdxl", buildSdxlGraph],
  ["flux", buildFluxGraph],
]);

export const supportedBases: readonly string[] = [...builders.keys()];

/** Variants that graphs are built for; others need more than a prompt and a source. */
const drawnVariants: Readonly<Record<string, readonly string[]>> = {
  "sd-1": ["normal", "inpaint"],
  "sd-2": ["normal", "inpaint"],
  sdxl: ["normal", "inpaint"],
  flux: ["dev", "schnell", "dev_fill"],
  flux2: ["klein_4b", "klein_9b", "klein_4b_base", "klein_9b_base", "dev"],
  "z-image": ["turbo", "zbase"],
  "qwen-image": ["generate", "edit"],
  "krea-2": ["krea2_turbo", "krea2_base"],
  wan: ["t2v_a14b", "ti2v_5b"],
};

/** Whether images can be generated with this model. */
export function isSupported(model: MainModel): boolean {
  const { base, type, variant } = model;
  if (type !== "main" || !supportedBases.includes(base)) return false;
  if (variant !== null && !drawnVariants[base]?.includes(variant)) return false;
  return isLoadable(model);
}

type Defaults = BaseFacts["defaults"];

/**
 * The defaults of a model: its settings in InvokeAI where the base accepts them, else the base's. `own` names those that
 * override the gallery's settings. undefined for an unsupported model.
 */
export function defaultsOf(
  model: InvokeAiModel,
): (Defaults & { own: (keyof Defaults)[]; vaeKey?: string }) | undefined {
  const facts = isSupported(model) ? factsOf(model) : undefined;
  if (!facts) return undefined;
  const { width, height, steps, cfgScale, scheduler, guidance, vaeKey } = model.settings;
  const { accepts, defaults } = facts;
  const set = {
    ...(isSize(width, accepts) && isSize(height, accepts) && { width, height }),
    ...(isSteps(steps, accepts) && { steps }),
    ...(isCfgScale(cfgScale, accepts) && { cfgScale }),
    ...(isScheduler(scheduler, accepts) && { scheduler }),
    ...(guidance !== null && isOption("guidance", guidance, accepts) && { guidance }),
  };
  const own = new Set([...(facts.own ?? []), ...(Object.keys(set) as (keyof Defaults)[])]);
  return { ...defaults, ...set, own: [...own], ...(vaeKey !== null && { vaeKey }) };
}

/**
 * The graph of one batch; seed and slot are set by the batch's data.
 * @throws AppError `invokeai_model_error` for models without a graph, `invokeai_graph_error` for values that the server
 * would refuse, that it would accept and fail on, or that the base does not support
 */
export function buildGraph(request: GraphRequest): Graph {
  const { model } = request;
  const build = builders.get(model.base);
  const facts = factsOf(model);
  if (!build || !facts || !isSupported(model)) {
    throw new AppError({
      kind: "invalid",
      code: "invokeai_model_error",
      message: `Choose a supported main model of one of these bases: ${supportedBases.join(", ")}; "${model.name}" is not one.`,
    });
  }
  checkRequest(request, facts.accepts);
  return build(request);
}
