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
  maxClipSkip: 0,
  guidance: false,
  needs: [],
};

/**
 * The bases that graphs are built for. Defaults are those of InvokeAI's own UI. InvokeAI would accept sizes above
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
      maxClipSkip: 0,
      guidance: true,
      needs: [
        { type: "t5_encoder", base: "any" },
        { type: "clip_embed", base: "any", variant: "large" },
        { type: "vae", base: "flux" },
      ],
    },
  },
};

/** The facts about a model by its base and variant; undefined for an unknown base. */
export function factsOf({ base, variant }: Pick<MainModel, "base" | "variant">) {
  const facts = Object.hasOwn(baseFacts, base) ? baseFacts[base] : undefined;
  return facts && base === "flux" && variant === "schnell" ? schnell(facts) : facts;
}

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
