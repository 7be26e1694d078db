import { AppError, type ErrorCode } from "#errors";
import { baseFacts, type BaseFacts } from "../bases";
import type { InvokeAiModel, ModelIdentifier } from "../types";
import type { Graph } from "./graph";
import type { GraphRequest } from "./request";
import { buildSd1Graph } from "./sd1";

// A map: the base is a word of the server's, and a plain object knows words of its own.
const builders: ReadonlyMap<string, (request: GraphRequest) => Graph> = new Map([
  ["sd-1", buildSd1Graph],
]);

export const supportedBases: readonly string[] = [...builders.keys()];

/** Whether pictures can be made with this model. Variants for inpainting need a mask. */
export function isSupported(model: InvokeAiModel): boolean {
  const isPlain = model.variant === null || model.variant === "normal";
  return model.type === "main" && supportedBases.includes(model.base) && isPlain;
}

/**
 * What to take for a model when a request says nothing: its owner's settings where the base can
 * take them (named in `own`), else the base's. undefined for a model that is not supported.
 */
export function defaultsOf(
  model: InvokeAiModel,
): (BaseFacts["defaults"] & { own: (keyof BaseFacts["defaults"])[]; vaeKey?: string }) | undefined {
  const facts = isSupported(model) ? baseFacts[model.base] : undefined;
  if (!facts) return undefined;
  const { width, height, steps, cfgScale, scheduler, vaeKey } = model.settings;
  const { accepts, defaults } = facts;
  const own = {
    ...(isSize(width, accepts) && isSize(height, accepts) && { width, height }),
    ...(isSteps(steps) && { steps }),
    ...(isCfgScale(cfgScale) && { cfgScale }),
    ...(isScheduler(scheduler, accepts) && { scheduler }),
  };
  return {
    ...defaults,
    ...own,
    own: Object.keys(own) as (keyof BaseFacts["defaults"])[],
    ...(vaeKey !== null && { vaeKey }),
  };
}

/**
 * The graph of one batch: seed and slot are left to its data.
 * @throws AppError `invokeai_model_error` for models that no graph fits, `invokeai_graph_error` for
 * values that the server would refuse, or worse take and fail on
 */
export function buildGraph(request: GraphRequest): Graph {
  const { base } = request.model;
  const build = builders.get(base);
  const facts = build && baseFacts[base];
  if (!build || !facts || request.model.type !== "main") {
    const supported = supportedBases.join(", ");
    throw fault(
      "invokeai_model_error",
      `Choose a main model of one of these bases: ${supported}; "${request.model.name}" is none.`,
    );
  }
  checkParts(request, base);
  checkValues(request, facts.accepts);
  return build(request);
}

/** Nothing but the run itself would tell that parts are of different bases. */
function checkParts({ vae, loras }: GraphRequest, base: string): void {
  const isFit = (part: ModelIdentifier, type: string) => part.base === base && part.type === type;
  if (vae && !isFit(vae, "vae")) {
    throw fault("invokeai_model_error", `Choose a VAE of base ${base}; "${vae.name}" is none.`);
  }
  const misfit = loras.find(({ model }) => !isFit(model, "lora"));
  if (misfit) {
    throw fault(
      "invokeai_model_error",
      `Choose LoRAs of base ${base}; "${misfit.model.name}" is none.`,
    );
  }
}

function checkValues(request: GraphRequest, accepts: Accepts): void {
  const { width, height, source, loras } = request;
  const { sizeMultiple, minSize, maxSize, maxClipSkip } = accepts;
  const rules: [boolean, string][] = [
    [
      isSize(width, accepts) && isSize(height, accepts),
      `width and height to multiples of ${sizeMultiple} from ${minSize} to ${maxSize}`,
    ],
    [isSteps(request.steps), "steps to a whole number from 1 to 500"],
    [isCfgScale(request.cfgScale), "cfg_scale to a number from 1 to 200"],
    [isScheduler(request.scheduler, accepts), "scheduler to one that the model's base knows"],
    [isClipSkip(request.clipSkip, accepts), `clip_skip to a whole number from 0 to ${maxClipSkip}`],
    [!source || (source.strength >= 0 && source.strength <= 1), "strength to a number from 0 to 1"],
    [loras.every(({ weight }) => Number.isFinite(weight)), "the weights of the LoRAs to numbers"],
  ];
  const wrong = rules.filter(([isKept]) => !isKept).map(([, rule]) => rule);
  if (wrong.length > 0) throw fault("invokeai_graph_error", `Change ${wrong.join(", ")}.`);
}

type Accepts = BaseFacts["accepts"];

function isSize(value: number | null, accepts: Accepts): value is number {
  if (value === null) return false;
  const { sizeMultiple, minSize, maxSize } = accepts;
  return value % sizeMultiple === 0 && value >= minSize && value <= maxSize;
}

function isSteps(value: number | null): value is number {
  return value !== null && Number.isInteger(value) && value >= 1 && value <= 500;
}

function isCfgScale(value: number | null): value is number {
  return value !== null && value >= 1 && value <= 200;
}

function isScheduler(value: string | null, accepts: Accepts): value is string {
  return value !== null && accepts.schedulers.includes(value);
}

function isClipSkip(value: number, { maxClipSkip }: Accepts): boolean {
  return Number.isInteger(value) && value >= 0 && value <= maxClipSkip;
}

function fault(code: ErrorCode, message: string): AppError {
  return new AppError({ kind: "invalid", code, message });
}
