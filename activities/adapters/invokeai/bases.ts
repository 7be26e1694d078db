import type { MainModel } from "./types";

/** A model that must be there beside the main one for pictures to be made. */
type NeededModel = {
  type: "vae" | "t5_encoder" | "clip_embed";
  base: string;
  /** Where InvokeAI tells kinds of this type apart: the one that fits. */
  variant?: string;
};

/** What a kind of model can take, and what to take when nothing is said. */
export type BaseFacts = {
  defaults: {
    width: number;
    height: number;
    steps: number;
    cfgScale: number;
    scheduler: string;
    guidance?: number;
  };
  /** Defaults that belong to the model itself, whatever its owner prefers in general. */
  own?: readonly ("steps" | "cfgScale")[];
  accepts: {
    /** Pixels: both sides are multiples of it, within `minSize` and `maxSize`. */
    sizeMultiple: number;
    minSize: number;
    maxSize: number;
    schedulers: string[];
    /** Whether `cfg_scale` is a choice; where it is none it is 1. */
    cfgScale: boolean;
    negativePrompt: boolean;
    /** The highest number of skipped layers; 0: none may be skipped. */
    maxClipSkip: number;
    guidance: boolean;
    /** What the main model does not bring along. */
    needs: NeededModel[];
  };
};

/** The schedulers of SD-1, SD-2 and SDXL in InvokeAI 6.13–6.14. */
const diffusionSchedulers = [
  "ddim",
  "ddpm",
  "deis",
  "deis_k",
  "lms",
  "lms_k",
  "pndm",
  "heun",
  "heun_k",
  "euler",
  "euler_k",
  "euler_a",
  "kdpm_2",
  "kdpm_2_k",
  "kdpm_2_a",
  "kdpm_2_a_k",
  "dpmpp_2s",
  "dpmpp_2s_k",
  "dpmpp_2m",
  "dpmpp_2m_k",
  "dpmpp_2m_sde",
  "dpmpp_2m_sde_k",
  "dpmpp_3m",
  "dpmpp_3m_k",
  "dpmpp_sde",
  "dpmpp_sde_k",
  "er_sde",
  "unipc",
  "unipc_k",
  "lcm",
  "tcd",
];

const diffusionAccepts: BaseFacts["accepts"] = {
  sizeMultiple: 8,
  minSize: 64,
  maxSize: 2048,
  schedulers: diffusionSchedulers,
  cfgScale: true,
  negativePrompt: true,
  maxClipSkip: 0,
  guidance: false,
  needs: [],
};

/**
 * The bases that graphs are built for. Defaults are those of InvokeAI's own page; sizes above
 * `maxSize` the server would take, but no picture of use comes of them.
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

/** What is known of a model by its base and variant; undefined where its base is not known. */
export function factsOf({ base, variant }: Pick<MainModel, "base" | "variant">) {
  const facts = Object.hasOwn(baseFacts, base) ? baseFacts[base] : undefined;
  return facts && base === "flux" && variant === "schnell" ? schnell(facts) : facts;
}

/** FLUX schnell is made for four steps and does not look at guidance. */
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
