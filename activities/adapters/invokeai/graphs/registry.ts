import { AppError, type ErrorCode } from "#errors";
import { baseFacts, type BaseFacts } from "../bases";
import type { InvokeAiModel, ModelIdentifier } from "../types";
import type { Graph } from "./graph";
import type { GraphRequest } from "./request";
import { buildSd1Graph } from "./sd1";

const builders: Readonly<Record<string, (request: GraphRequest) => Graph>> = {
  "sd-1": buildSd1Graph,
};

export const supportedBases: readonly string[] = Object.keys(builders);

/** Whether pictures can be made with this model. Variants for inpainting need a mask. */
export function isSupported(model: InvokeAiModel): boolean {
  const isPlain = model.variant === null || model.variant === "normal";
  return model.type === "main" && supportedBases.includes(model.base) && isPlain;
}

/**
 * What to take for a model when a request says nothing: its owner's settings where the base can
 * take them, else the base's. undefined for a model that is not supported.
 */
export function defaultsOf(model: InvokeAiModel): BaseFacts["defaults"] | undefined {
  const facts = baseFacts[model.base];
  if (!facts || !isSupported(model)) return undefined;
  const { settings } = model;
  const { accepts, defaults } = facts;
  const hasSize = isSize(settings.width, accepts) && isSize(settings.height, accepts);
  return {
    width: hasSize ? settings.width! : defaults.width,
    height: hasSize ? settings.height! : defaults.height,
    steps: isSteps(settings.steps) ? settings.steps! : defaults.steps,
    cfgScale: (settings.cfgScale ?? 0) >= 1 ? settings.cfgScale! : defaults.cfgScale,
    scheduler: accepts.schedulers.includes(settings.scheduler ?? "")
      ? settings.scheduler!
      : defaults.scheduler,
  };
}

/**
 * The graph of one batch: seed and slot are left to its data.
 * @throws AppError `invokeai_model_error` for models that no graph fits, `invokeai_graph_error` for
 * values that the server would refuse, or worse take and fail on
 */
export function buildGraph(request: GraphRequest): Graph {
  const { base } = request.model;
  const build = builders[base];
  const facts = baseFacts[base];
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

function checkValues(request: GraphRequest, accepts: BaseFacts["accepts"]): void {
  const { source } = request;
  const faults: [boolean, string][] = [
    [
      isSize(request.width, accepts) && isSize(request.height, accepts),
      `width and height: multiples of ${accepts.sizeMultiple} from ${accepts.minSize} to ${accepts.maxSize}`,
    ],
    [isSteps(request.steps), "steps: a whole number from 1 to 500"],
    [request.cfgScale >= 1 && request.cfgScale <= 200, "cfg_scale: from 1 to 200"],
    [accepts.schedulers.includes(request.scheduler), "scheduler: one that the base knows"],
    [
      Number.isInteger(request.clipSkip) &&
        request.clipSkip >= 0 &&
        request.clipSkip <= accepts.maxClipSkip,
      `clip_skip: a whole number from 0 to ${accepts.maxClipSkip}`,
    ],
    [!source || (source.strength >= 0 && source.strength <= 1), "strength: from 0 to 1"],
    [request.loras.every(({ weight }) => Number.isFinite(weight)), "loras: weights are numbers"],
  ];
  const wrong = faults.filter(([isRight]) => !isRight).map(([, rule]) => rule);
  if (wrong.length > 0) throw fault("invokeai_graph_error", `Change ${wrong.join("; ")}.`);
}

function isSize(value: number | null, accepts: BaseFacts["accepts"]): boolean {
  if (value === null) return false;
  return value % accepts.sizeMultiple === 0 && value >= accepts.minSize && value <= accepts.maxSize;
}

function isSteps(value: number | null): boolean {
  return Number.isInteger(value) && value! >= 1 && value! <= 500;
}

function fault(code: ErrorCode, message: string): AppError {
  return new AppError({ kind: "invalid", code, message });
}
