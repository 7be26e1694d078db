import type { Model } from "#db/schema/models";
import type { StepParameters } from "#db/schema/steps";
import type { SettingValues } from "#db/settings";
import { AppError, type FieldFault } from "#errors";
import { eachOption, type OptionName, type Options, options } from "#generation-parameters";
import type { RequestedPainting } from "../../fields/painting";
import { describeMissing, pickCompanions, pickedKeys } from "./companions";
import { completePainting, type PaintingContext } from "./painting";
import { completeHires, type RequestedHires } from "./hires";
import { versionFault } from "./usability";

/** The parameters of a request, before defaults are filled in. */
export type RequestedParameters = {
  [Name in OptionName]?: number | undefined;
} & RequestedPainting & {
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
    hires?: RequestedHires | undefined;
  };

/** What a request is checked against: rows and limits that the caller has read. */
export type ParameterContext = {
  /** Those that the request names, the main model's default VAE, and candidates for the models it needs beside it. */
  models: Model[];
  /** Of the InvokeAI in force; null: unknown. */
  apiVersion: string | null;
  hasSource: boolean;
  painting: PaintingContext;
  maxBatchSize: number;
  /** Used if the request has no seed; 0 to 2³² − 1. */
  randomSeed: number;
  /** Only the settings that the owner has changed. */
  settings: Partial<SettingValues>;
};

export const seedCount = 2 ** 32;

/** A random seed, for a request without one. */
export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % seedCount;
}

const maxLoras = 20;
const maxLoraWeight = 10;
export const maxSteps = 500;
const cfgScaleBounds = { min: 1, max: 200 };
/** Denoising strength of image to image if the request has none. */
const defaultStrength = 0.75;

/**
 * Fills in omitted parameters and collects every fault. `parameters` are valid only if `faults` is empty.
 * @throws AppError invokeai_model_error when the model is unknown, no longer available or not supported, or when InvokeAI
 * is too old for it or lacks a model that it needs beside it
 */
export function completeParameters(
  requested: RequestedParameters,
  context: ParameterContext,
): { parameters: StepParameters; model: Model; faults: FieldFault[] } {
  const model = usableModel(requested.modelKey, context);
  const { accepts } = model;
  const defaults = defaultsOf(model, context.settings);
  const notSupported = `not supported by ${model.base}`;
  const faults: FieldFault[] = [];
  const refuse = (name: string, message: string) =>
    void faults.push({ path: `parameters.${name}`, message });
  const within = (name: string, value: number, min: number, max: number, whole = true) => {
    if (value < min || value > max || (whole && !Number.isInteger(value))) {
      refuse(name, `${whole ? "a whole number" : "a number"} from ${min} to ${max}`);
    }
  };

  if (requested.modelHash !== undefined && requested.modelHash !== model.hash) {
    refuse("model_hash", "the hash of the model named by model_key, or leave it out");
  }
  const { painting, size } = completePainting(
    requested,
    context.painting,
    model,
    (path, message) => void faults.push({ path, message }),
  );
  const width = requested.width ?? size.width ?? defaults.width;
  const height = requested.height ?? size.height ?? defaults.height;
  for (const [name, side] of [
    ["width", width],
    ["height", height],
  ] as const) {
    const { sizeMultiple, minSize, maxSize } = accepts;
    if (side % sizeMultiple !== 0 || side < minSize || side > maxSize) {
      refuse(name, `a multiple of ${sizeMultiple} from ${minSize} to ${maxSize} for ${model.base}`);
    }
  }
  const drawn = { base: model.base, accepts, hasSource: context.hasSource, width, height };
  const hires = completeHires(requested.hires, drawn, refuse);
  const scheduler = requested.scheduler ?? defaults.scheduler;
  const steps =
    requested.steps ??
    (requested.scheduler === undefined ? undefined : accepts.usualSteps?.[scheduler]) ??
    defaults.steps;
  within("steps", steps, 1, accepts.maxSteps ?? maxSteps);
  const cfgScale = requested.cfgScale ?? defaults.cfgScale;
  if (accepts.cfgScale !== false) {
    within("cfg_scale", cfgScale, cfgScaleBounds.min, cfgScaleBounds.max, false);
  } else if (cfgScale !== 1) {
    refuse("cfg_scale", `${notSupported}; leave it out or set it to 1`);
  }
  if (requested.scheduler !== undefined && !accepts.schedulers.includes(requested.scheduler)) {
    refuse("scheduler", `one of ${accepts.schedulers.join(", ") || "none"} for ${model.base}`);
  }
  const minSteps = accepts.minSteps?.[scheduler];
  if (minSteps !== undefined && steps >= 1 && steps < minSteps) {
    refuse("steps", `at least ${minSteps} with the scheduler ${scheduler}`);
  }
  const batchSize = requested.batchSize ?? defaultBatchSize(context);
  within("batch_size", batchSize, 1, context.maxBatchSize);
  const seed = requested.seed ?? context.randomSeed;
  within("seed", seed, 0, seedCount - 1);
  if (requested.strength !== undefined) {
    if (accepts.imageToImage === false) refuse("strength", notSupported);
    else if (!context.hasSource) refuse("strength", "only with a source image");
    within("strength", requested.strength, 0, 1, false);
  }
  for (const [name, { wire, isWhole, bounds }] of options) {
    const value = requested[name];
    if (value === undefined) continue;
    const allowed = bounds(accepts);
    if (allowed === null) refuse(wire, notSupported);
    else within(wire, value, allowed.min, allowed.max, isWhole);
  }
  const { vaeBases = [model.base] } = accepts;
  const isPart = (key: string, type: "vae" | "lora") => {
    const part = context.models.find((candidate) => candidate.key === key);
    if (part?.isAvailable !== true || part.type !== type) return false;
    if (type === "vae") return vaeBases.includes(part.base);
    return part.base === model.base && isLoraVariant(part.variant, accepts);
  };
  if (requested.vaeKey !== undefined && vaeBases.length === 0) {
    refuse("vae_key", notSupported);
  } else if (requested.vaeKey !== undefined && !isPart(requested.vaeKey, "vae")) {
    refuse("vae_key", `the key of an available VAE for ${model.base}`);
  }
  // A default VAE that is no longer available, or of another base, is ignored.
  const defaultVae =
    defaults.vaeKey !== undefined && isPart(defaults.vaeKey, "vae") ? defaults.vaeKey : undefined;
  const chosenVae = requested.vaeKey ?? defaultVae;
  const { companions: needed = [] } = accepts;
  const { picked, missing } = pickCompanions(needed, context.models, {
    hasVae: chosenVae !== undefined,
  });
  const vaeKey = chosenVae ?? picked.vae;
  if (missing.length > 0) {
    const words = describeMissing(missing, needed);
    throw modelFault(`Install ${words} in InvokeAI; the model "${model.name}" needs it.`);
  }
  const loras = requested.loras ?? [];
  if (accepts.loras === false && loras.length > 0) {
    refuse("loras", notSupported);
  } else if (loras.length > maxLoras) refuse("loras", `at most ${maxLoras}`);
  for (const [at, lora] of (accepts.loras === false ? [] : loras).entries()) {
    if (!isPart(lora.modelKey, "lora")) {
      refuse(`loras.${at}.model_key`, `the key of an available LoRA for ${model.base}`);
    } else if (loras.findIndex((other) => other.modelKey === lora.modelKey) !== at) {
      refuse(`loras.${at}.model_key`, "each LoRA once");
    }
    within(`loras.${at}.weight`, lora.weight, -maxLoraWeight, maxLoraWeight, false);
  }

  const defaultOptions: Options = defaults;
  const parameters: StepParameters = {
    modelKey: model.key,
    modelHash: model.hash,
    width,
    height,
    steps,
    cfgScale,
    scheduler,
    batchSize,
    seed,
    ...(context.hasSource &&
      !accepts.partsOnly && { strength: requested.strength ?? defaultStrength }),
    ...(vaeKey !== undefined && { vaeKey }),
    ...pickedKeys(picked),
    ...(loras.length > 0 && { loras }),
    ...painting,
    ...hires,
    ...eachOption((name, { bounds }) =>
      bounds(accepts) === null ? undefined : (requested[name] ?? defaultOptions[name]),
    ),
  };
  return { parameters, model, faults };
}

/**
 * Defaults for omitted parameters: those set for the model in InvokeAI, then settings that the owner has changed and the
 * base supports, then the base's own. A setting that was never changed does not override the base.
 */
function defaultsOf({ defaults, accepts }: UsableModel, settings: Partial<SettingValues>) {
  // A row of an earlier version has no `own`: all its defaults count as set for the model.
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

/** MAX_BATCH_SIZE may have been lowered since the setting was changed. */
function defaultBatchSize({ settings, maxBatchSize }: ParameterContext): number {
  return Math.min(settings["generation.default_batch_size"] ?? 1, maxBatchSize);
}

/** The seeds of a batch: consecutive, modulo 2³². */
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

function usableModel(key: string, { models, apiVersion }: ParameterContext): UsableModel {
  const model = models.find((candidate) => candidate.key === key);
  if (!model || model.type !== "main") {
    throw modelFault("There is no such model; GET /api/v1/models lists the known ones.");
  }
  if (!model.isAvailable) {
    throw modelFault("InvokeAI no longer has this model; choose one that is available.");
  }
  const { accepts, defaults } = model;
  if (accepts === null || defaults === null) {
    throw modelFault("This server cannot generate images with this model; choose a supported one.");
  }
  const tooOld = versionFault(model, apiVersion);
  if (tooOld !== undefined) throw modelFault(tooOld);
  return { ...model, accepts, defaults };
}

/** Of a LoRA: families of a base are sometimes of different sizes. One without a recorded variant may fit. */
function isLoraVariant(variant: string | null, { loraVariants }: UsableModel["accepts"]): boolean {
  return variant === null || loraVariants === undefined || loraVariants.includes(variant);
}

function modelFault(message: string): AppError {
  return new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message,
    details: { path: "parameters.model_key" },
  });
}
