import type { Model } from "#db/schema/models";
import type { StepParameters } from "#db/schema/steps";
import type { SettingValues } from "#db/settings";
import { AppError, type FieldFault } from "#errors";
import { pickCompanions } from "./companions";

/** What a request asks for, before anything is filled in. */
export type AskedParameters = {
  modelKey: string;
  modelHash?: string | undefined;
  vaeKey?: string | undefined;
  width?: number | undefined;
  height?: number | undefined;
  steps?: number | undefined;
  cfgScale?: number | undefined;
  scheduler?: string | undefined;
  batchSize?: number | undefined;
  seed?: number | undefined;
  strength?: number | undefined;
  loras?: { modelKey: string; weight: number }[] | undefined;
  clipSkip?: number | undefined;
  guidance?: number | undefined;
};

/** What a request is held against: rows and bounds, all read before. */
export type ParameterContext = {
  /** The models that the request names, the VAE set for the main one, and what could serve beside it, those that there are. */
  models: Model[];
  hasSource: boolean;
  maxBatchSize: number;
  /** Used where the request names no seed; 0 to 2³² − 1. */
  randomSeed: number;
  /** What the owner changed of the settings. */
  settings: Partial<SettingValues>;
};

export const seedCount = 2 ** 32;
const maxLoras = 20;
const maxLoraWeight = 10;
const maxSteps = 500;
const cfgScaleBounds = { min: 1, max: 200 };
const guidanceBounds = { min: 1, max: 20 };
/** How far from the source a picture may go where the request does not say. */
const usualStrength = 0.75;

/**
 * Fills in what a request left open and collects every fault of what it holds; `parameters` count only where there is none.
 * @throws AppError invokeai_model_error when the model is unknown, gone, or one that no graph is built for, and when InvokeAI
 * lacks what it needs beside it
 */
export function completeParameters(
  asked: AskedParameters,
  context: ParameterContext,
): { parameters: StepParameters; model: Model; faults: FieldFault[] } {
  const model = usableModel(asked.modelKey, context.models);
  const { accepts } = model;
  const defaults = usualOf(model, context.settings);
  const faults: FieldFault[] = [];
  const refuse = (name: string, message: string) =>
    void faults.push({ path: `parameters.${name}`, message });
  const within = (name: string, value: number, min: number, max: number, whole = true) => {
    if (value < min || value > max || (whole && !Number.isInteger(value))) {
      refuse(name, `${whole ? "a whole number" : "a number"} from ${min} to ${max}`);
    }
  };

  if (asked.modelHash !== undefined && asked.modelHash !== model.hash) {
    refuse("model_hash", "the hash of the model named by model_key, or leave it out");
  }
  const width = asked.width ?? defaults.width;
  const height = asked.height ?? defaults.height;
  for (const [name, side] of [
    ["width", width],
    ["height", height],
  ] as const) {
    const { sizeMultiple, minSize, maxSize } = accepts;
    if (side % sizeMultiple !== 0 || side < minSize || side > maxSize) {
      refuse(name, `a multiple of ${sizeMultiple} from ${minSize} to ${maxSize} for ${model.base}`);
    }
  }
  const steps = asked.steps ?? defaults.steps;
  within("steps", steps, 1, maxSteps);
  const cfgScale = asked.cfgScale ?? defaults.cfgScale;
  if (accepts.cfgScale !== false) {
    within("cfg_scale", cfgScale, cfgScaleBounds.min, cfgScaleBounds.max, false);
  } else if (cfgScale !== 1) {
    refuse("cfg_scale", `not known to ${model.base}; leave it out, or say 1`);
  }
  if (asked.scheduler !== undefined && !accepts.schedulers.includes(asked.scheduler)) {
    refuse("scheduler", `one of ${accepts.schedulers.join(", ") || "none"} for ${model.base}`);
  }
  const batchSize = asked.batchSize ?? usualBatchSize(context);
  within("batch_size", batchSize, 1, context.maxBatchSize);
  const seed = asked.seed ?? context.randomSeed;
  within("seed", seed, 0, seedCount - 1);
  if (asked.strength !== undefined) {
    if (!context.hasSource) refuse("strength", "only with a source image");
    within("strength", asked.strength, 0, 1, false);
  }
  if (asked.clipSkip !== undefined) {
    if (accepts.maxClipSkip === 0) refuse("clip_skip", `not known to ${model.base}`);
    else within("clip_skip", asked.clipSkip, 0, accepts.maxClipSkip);
  }
  if (asked.guidance !== undefined) {
    if (!accepts.guidance) refuse("guidance", `not known to ${model.base}`);
    else within("guidance", asked.guidance, guidanceBounds.min, guidanceBounds.max, false);
  }
  const isPart = (key: string, type: "vae" | "lora") => {
    const part = context.models.find((candidate) => candidate.key === key);
    return part?.isAvailable === true && part.type === type && part.base === model.base;
  };
  if (asked.vaeKey !== undefined && !isPart(asked.vaeKey, "vae")) {
    refuse("vae_key", `the key of an available VAE for ${model.base}`);
  }
  // One that is gone since, or of another base, gives way to the one that the model brings along.
  const usualVae =
    defaults.vaeKey !== undefined && isPart(defaults.vaeKey, "vae") ? defaults.vaeKey : undefined;
  const { picked, missing } = pickCompanions(accepts.needs ?? [], context.models);
  const vaeKey = asked.vaeKey ?? usualVae ?? picked.vae;
  if (missing.length > 0) {
    throw modelFault(
      `Install ${missing.join(", and ")} in InvokeAI; "${model.name}" needs it beside it.`,
    );
  }
  const loras = asked.loras ?? [];
  if (loras.length > maxLoras) refuse("loras", `at most ${maxLoras}`);
  for (const [at, lora] of loras.entries()) {
    if (!isPart(lora.modelKey, "lora")) {
      refuse(`loras.${at}.model_key`, `the key of an available LoRA for ${model.base}`);
    } else if (loras.findIndex((other) => other.modelKey === lora.modelKey) !== at) {
      refuse(`loras.${at}.model_key`, "each LoRA once");
    }
    within(`loras.${at}.weight`, lora.weight, -maxLoraWeight, maxLoraWeight, false);
  }

  const guidance = asked.guidance ?? defaults.guidance;
  const parameters: StepParameters = {
    modelKey: model.key,
    modelHash: model.hash,
    width,
    height,
    steps,
    cfgScale,
    scheduler: asked.scheduler ?? defaults.scheduler,
    batchSize,
    seed,
    ...(context.hasSource && { strength: asked.strength ?? usualStrength }),
    ...(vaeKey !== undefined && { vaeKey }),
    ...(picked.t5_encoder !== undefined && { t5EncoderKey: picked.t5_encoder }),
    ...(picked.clip_embed !== undefined && { clipEmbedKey: picked.clip_embed }),
    ...(loras.length > 0 && { loras }),
    ...(asked.clipSkip !== undefined && { clipSkip: asked.clipSkip }),
    ...(accepts.guidance && guidance !== undefined && { guidance }),
  };
  return { parameters, model, faults };
}

/**
 * What is taken where a request is silent: what was set for the model in InvokeAI, then what the owner set here as far
 * as the base knows it, then the base's own. A setting that nobody touched is no wish.
 */
function usualOf({ defaults, accepts }: UsableModel, settings: Partial<SettingValues>) {
  // A row of an earlier version does not tell them apart: then all are the model's.
  const isOwn = (name: "steps" | "cfgScale" | "scheduler") => defaults.own?.includes(name) ?? true;
  const scheduler = settings["generation.default_scheduler"];
  const isKnown = scheduler !== undefined && accepts.schedulers.includes(scheduler);
  return {
    ...defaults,
    ...(!isOwn("steps") && { steps: settings["generation.default_steps"] ?? defaults.steps }),
    ...(!isOwn("cfgScale") && {
      cfgScale: settings["generation.default_cfg_scale"] ?? defaults.cfgScale,
    }),
    ...(!isOwn("scheduler") && isKnown && { scheduler }),
  };
}

/** MAX_BATCH_SIZE may have been lowered since it was set. */
function usualBatchSize({ settings, maxBatchSize }: ParameterContext): number {
  return Math.min(settings["generation.default_batch_size"] ?? 1, maxBatchSize);
}

/** The seeds of a batch: each next one higher, modulo 2³². */
export function seedsOf(parameters: Pick<StepParameters, "seed" | "batchSize">): number[] {
  return Array.from(
    { length: parameters.batchSize },
    (_, index) => (parameters.seed + index) % seedCount,
  );
}

type UsableModel = Model & {
  accepts: NonNullable<Model["accepts"]>;
  defaults: NonNullable<Model["defaults"]>;
};

function usableModel(key: string, models: Model[]): UsableModel {
  const model = models.find((candidate) => candidate.key === key);
  if (!model || model.type !== "main") {
    throw modelFault("There is no such model; see GET /api/v1/models for those there are.");
  }
  if (!model.isAvailable) {
    throw modelFault("InvokeAI no longer has this model; choose one that is available.");
  }
  const { accepts, defaults } = model;
  if (accepts === null || defaults === null) {
    throw modelFault("Pictures cannot be made with this model here; choose a supported one.");
  }
  return { ...model, accepts, defaults };
}

function modelFault(message: string): AppError {
  return new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message,
    details: { path: "parameters.model_key" },
  });
}
