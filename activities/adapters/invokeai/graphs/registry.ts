import { AppError } from "#errors";
import { type BaseFacts, factsOf } from "../bases";
import type { InvokeAiModel, MainModel } from "../types";
import {
  checkRequest,
  isCfgScale,
  isGuidance,
  isScheduler,
  isSize,
  isSteps,
} from "./check-request";
import { buildFluxGraph } from "./flux";
import type { Graph } from "./graph";
import type { GraphRequest } from "./request";
import { buildSd1Graph } from "./sd1";
import { buildSd2Graph } from "./sd2";
import { buildSdxlGraph } from "./sdxl";

// A map: the base is a word of the server's, and a plain object knows words of its own.
const builders: ReadonlyMap<string, (request: GraphRequest) => Graph> = new Map([
  ["sd-1", buildSd1Graph],
  ["sd-2", buildSd2Graph],
  ["sdxl", buildSdxlGraph],
  ["flux", buildFluxGraph],
]);

export const supportedBases: readonly string[] = [...builders.keys()];

/** Variants whose graphs are those of their base; others, such as for inpainting, need more than a prompt. */
const plainVariants: readonly (string | null)[] = [null, "normal", "dev", "schnell"];

/** Whether pictures can be made with this model. */
export function isSupported(model: MainModel): boolean {
  const isPlain = model.type === "main" && plainVariants.includes(model.variant);
  return isPlain && supportedBases.includes(model.base) && (model.base !== "flux" || isFlux(model));
}

/** InvokeAI's loader takes FLUX as one file only, and a model that edits pictures wants them as references. */
function isFlux({ format, name }: MainModel): boolean {
  return format !== "diffusers" && !/kontext/i.test(name);
}

type Defaults = BaseFacts["defaults"];

/**
 * What to take for a model when a request says nothing: its owner's settings where the base can
 * take them (named in `own`), else the base's. undefined for a model that is not supported.
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
    ...(isSteps(steps) && { steps }),
    ...(isCfgScale(cfgScale, accepts) && { cfgScale }),
    ...(isScheduler(scheduler, accepts) && { scheduler }),
    ...(guidance !== null && isGuidance(guidance, accepts) && { guidance }),
  };
  const own = new Set([...(facts.own ?? []), ...(Object.keys(set) as (keyof Defaults)[])]);
  return { ...defaults, ...set, own: [...own], ...(vaeKey !== null && { vaeKey }) };
}

/**
 * The graph of one batch: seed and slot are left to its data.
 * @throws AppError `invokeai_model_error` for models that no graph fits, `invokeai_graph_error` for
 * values that the server would refuse, or worse take and fail on, or that mean nothing to the base
 */
export function buildGraph(request: GraphRequest): Graph {
  const { model } = request;
  const build = builders.get(model.base);
  const facts = factsOf(model);
  if (!build || !facts || !isSupported(model)) {
    throw new AppError({
      kind: "invalid",
      code: "invokeai_model_error",
      message: `Choose a plain main model of one of these bases: ${supportedBases.join(", ")}; "${model.name}" is none.`,
    });
  }
  checkRequest(request, facts.accepts);
  return build(request);
}
