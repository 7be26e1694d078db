import { type AcceptedOptions, schedulers } from "#generation-parameters";
import type { MainModel } from "./types";

/** A model that a base needs in addition to the main model. */
type NeededModel = {
  type: "vae" | "t5_encoder" | "clip_embed";
  base: string;
  /** For a type with several variants: the one required. */
  variant?: string;
};

/** Which parameters a base accepts, and its defaults. */
export type BaseFacts = {
  defaults: {
    width: number;
    height: number;
    steps: number;
    cfgScale: number;
    scheduler: string;
    guidance?: number;
  };
  /** Defaults that belong to the model itself; they override the general settings. */
  own?: readonly ("steps" | "cfgScale")[];
  accepts: AcceptedOptions & {
    /** Pixels: both sides are multiples of it, within `minSize` and `maxSize`. */
    sizeMultiple: number;
    minSize: number;
    maxSize: number;
    schedulers: string[];
    /** The minimum number of steps of a scheduler, where it is above one. */
    minSteps?: Record<string, number>;
    /** Whether `cfg_scale` can be chosen; otherwise it is 1. */
    cfgScale: boolean;
    negativePrompt: boolean;
    /** The negative prompt has no effect while `cfg_scale` is 1. */
    negativeNeedsCfg?: true;
    /** Whether a part of a picture can be painted, by a mask or beyond its edges. */
    inpaint: boolean;
    /** Whether LoRAs are supported. */
    loras: boolean;
    /** Models that the main model does not include. */
    needs: NeededModel[];
  };
};

const diffusionAccepts: BaseFacts["accepts"] = {
  sizeMultiple: 8,
  minSize: 64,
  maxSize: 2048,
  // SD-1, SD-2 and SDXL accept them all in InvokeAI 6.13–6.14.
  schedulers: [...schedulers],
  minSteps: { pndm: 4 },
  cfgScale: true,
  negativePrompt: true,
  inpaint: true,
  loras: true,
  maxClipSkip: 0,
  guidance: false,
  needs: [],
};

/** Models that hold all their parts; `euler` stands for the only way in which those without a choice are sampled. */
const transformerAccepts: BaseFacts["accepts"] = {
  ...diffusionAccepts,
  sizeMultiple: 16,
  schedulers: ["euler"],
  minSteps: {},
};

/**
 * The bases that graphs are built for. Defaults are those of InvokeAI's own UI or, where its UI has none, of its nodes.
 * InvokeAI would accept sizes above
 * `maxSize`, but the images are useless.
 */
export const baseFacts: Readonly<Record<string, BaseFacts>> = {
  "sd-1": {
    defaults: { ...square(512), steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: { ...diffusionAccepts, maxClipSkip: 12 },
  },
  "sd-2": {
    defaults: { ...square(768), steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: { ...diffusionAccepts, maxClipSkip: 24 },
  },
  sdxl: {
    defaults: { ...square(1024), steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: { ...diffusionAccepts, maxSize: 4096 },
  },
  flux: {
    defaults: { ...square(1024), steps: 30, cfgScale: 1, scheduler: "euler", guidance: 4 },
    own: ["cfgScale"],
    accepts: {
      sizeMultiple: 16,
      minSize: 64,
      maxSize: 4096,
      schedulers: ["euler", "heun", "lcm"],
      cfgScale: false,
      negativePrompt: false,
      inpaint: true,
      loras: true,
      maxClipSkip: 0,
      guidance: true,
      needs: [
        { type: "t5_encoder", base: "any" },
        { type: "clip_embed", base: "any", variant: "large" },
        { type: "vae", base: "flux" },
      ],
    },
  },
  "sd-3": {
    defaults: { ...square(1024), steps: 30, cfgScale: 3.5, scheduler: "euler" },
    own: ["cfgScale"],
    accepts: { ...transformerAccepts, loras: false },
  },
  cogview4: {
    defaults: { ...square(1024), steps: 25, cfgScale: 3.5, scheduler: "euler" },
    own: ["cfgScale"],
    accepts: { ...transformerAccepts, sizeMultiple: 32, loras: false },
  },
  "z-image": {
    defaults: { ...square(1024), steps: 9, cfgScale: 1, scheduler: "euler" },
    own: ["steps", "cfgScale"],
    accepts: {
      ...transformerAccepts,
      schedulers: ["euler", "heun", "lcm"],
      negativeNeedsCfg: true,
    },
  },
  "qwen-image": {
    defaults: { ...square(1024), steps: 40, cfgScale: 4, scheduler: "euler" },
    own: ["cfgScale"],
    accepts: { ...transformerAccepts, negativeNeedsCfg: true },
  },
  flux2: {
    defaults: { ...square(1024), steps: 4, cfgScale: 1, scheduler: "euler" },
    own: ["steps", "cfgScale"],
    accepts: {
      ...transformerAccepts,
      schedulers: ["euler", "heun", "lcm"],
      cfgScale: false,
      negativePrompt: false,
    },
  },
};

/** The facts about a model by its base and variant; undefined for an unknown base. */
export function factsOf({ base, variant }: Pick<MainModel, "base" | "variant">) {
  const facts = Object.hasOwn(baseFacts, base) ? baseFacts[base] : undefined;
  if (!facts) return undefined;
  if (base === "flux" && variant === "schnell") return schnell(facts);
  const { steps, cfgScale } = variantDefaults[`${base} ${variant}`] ?? facts.defaults;
  return { ...facts, defaults: { ...facts.defaults, steps, cfgScale } };
}

/** Of models that are not distilled to few steps. */
const variantDefaults: Readonly<Record<string, { steps: number; cfgScale: number }>> = {
  "z-image zbase": { steps: 50, cfgScale: 4 },
  "flux2 klein_4b_base": { steps: 28, cfgScale: 1 },
  "flux2 klein_9b_base": { steps: 28, cfgScale: 1 },
};

/** FLUX schnell is made for four steps and ignores guidance. */
function schnell({ defaults, accepts }: BaseFacts): BaseFacts {
  const { width, height, cfgScale, scheduler } = defaults;
  return {
    defaults: { width, height, steps: 4, cfgScale, scheduler },
    own: ["cfgScale", "steps"],
    accepts: { ...accepts, guidance: false },
  };
}

function square(side: number): { width: number; height: number } {
  return { width: side, height: side };
}
