/** What a kind of model can take, and what to take when nothing is said. */
export type BaseFacts = {
  defaults: { width: number; height: number; steps: number; cfgScale: number; scheduler: string };
  accepts: {
    /** Pixels: both sides are multiples of it, within `minSize` and `maxSize`. */
    sizeMultiple: number;
    minSize: number;
    maxSize: number;
    schedulers: string[];
    negativePrompt: boolean;
    /** The highest number of skipped layers; 0: none may be skipped. */
    maxClipSkip: number;
    guidance: boolean;
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

/**
 * The bases that graphs are built for. Defaults are those of InvokeAI's own page; sizes above
 * `maxSize` the server would take, but no picture of use comes of them.
 */
export const baseFacts: Readonly<Record<string, BaseFacts>> = {
  "sd-1": {
    defaults: { width: 512, height: 512, steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: {
      sizeMultiple: 8,
      minSize: 64,
      maxSize: 2048,
      schedulers: diffusionSchedulers,
      negativePrompt: true,
      maxClipSkip: 12,
      guidance: false,
    },
  },
};
