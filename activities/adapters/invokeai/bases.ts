import { type AcceptedOptions, type NeededModel, schedulers } from "#generation-parameters";
import type { AcceptedReference } from "#generation-references";
import { adapterRoles, edits } from "./adapters";
import { companionsOf } from "./companions";
import type { MainModel } from "./types";

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
    /** The maximum, where it is below 500. */
    maxSteps?: number;
    /** The number of steps that belongs to a scheduler, where schedulers have one. */
    usualSteps?: Record<string, number>;
    /** Whether `cfg_scale` can be chosen; otherwise it is 1. */
    cfgScale: boolean;
    negativePrompt: boolean;
    /** The negative prompt has no effect while `cfg_scale` is 1. */
    negativeNeedsCfg?: true;
    /** Whether a picture can be its source. */
    imageToImage: boolean;
    /** Whether a part of a picture can be painted, by a mask or beyond its edges. */
    inpaint: boolean;
    /** It paints what a mask or an expansion leaves open and nothing else, whatever the strength and what is there. */
    partsOnly?: true;
    /** Whether it can draw in two passes, the second one larger. */
    hires: boolean;
    /** Whether LoRAs are supported. */
    loras: boolean;
    /** The variants of the LoRAs that fit. Absent: any. */
    loraVariants?: string[];
    /** The bases of the VAEs that it takes; none: only the model's own. */
    vaeBases: string[];
    /** Alternatives of models that the main model needs beside it, best first. */
    companions: NeededModel[][];
    /** The roles of references that it has; none: it takes none. */
    references: AcceptedReference[];
    /** The first version of InvokeAI that knows it, where not all supported ones do. */
    since?: string;
  };
};

const diffusionAccepts: BaseFacts["accepts"] = {
  sizeMultiple: 8,
  minSize: 64,
  maxSize: 2048,
  // SD-1, SD-2 and SDXL accept them all in InvokeAI 6.13–6.14.
  schedulers: schedulers.filter((name) => !name.startsWith("V4_")),
  minSteps: { pndm: 4 },
  cfgScale: true,
  negativePrompt: true,
  imageToImage: true,
  inpaint: true,
  hires: false,
  loras: true,
  maxClipSkip: 0,
  guidance: false,
  vaeBases: [],
  companions: [],
  references: [],
};

/** `euler` stands for the only way in which those without a choice are sampled. */
const transformerAccepts: BaseFacts["accepts"] = {
  ...diffusionAccepts,
  sizeMultiple: 16,
  schedulers: ["euler"],
  minSteps: {},
};

const flowSchedulers = ["euler", "heun", "lcm"];

/** The presets of Ideogram 4's sampler, with their numbers of steps. */
const presets = { V4_QUALITY_48: 48, V4_DEFAULT_20: 20, V4_TURBO_12: 12 };

/**
 * The bases that graphs are built for. Defaults are those of InvokeAI's own UI or, where its UI has none, of its nodes.
 * InvokeAI would accept sizes above
 * `maxSize`, but the images are useless.
 */
export const baseFacts: Readonly<Record<string, BaseFacts>> = {
  "sd-1": {
    defaults: { ...square(512), steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: {
      ...diffusionAccepts,
      hires: true,
      maxClipSkip: 12,
      vaeBases: ["sd-1"],
      references: adapterRoles["sd-1"],
    },
  },
  "sd-2": {
    defaults: { ...square(768), steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: {
      ...diffusionAccepts,
      maxClipSkip: 24,
      vaeBases: ["sd-2"],
      references: adapterRoles["sd-2"],
    },
  },
  sdxl: {
    defaults: { ...square(1024), steps: 30, cfgScale: 7.5, scheduler: "dpmpp_3m_k" },
    accepts: {
      ...diffusionAccepts,
      hires: true,
      maxSize: 4096,
      vaeBases: ["sdxl"],
      references: adapterRoles.sdxl,
    },
  },
  flux: {
    defaults: { ...square(1024), steps: 30, cfgScale: 1, scheduler: "euler", guidance: 4 },
    own: ["cfgScale"],
    accepts: {
      ...transformerAccepts,
      maxSize: 4096,
      schedulers: flowSchedulers,
      cfgScale: false,
      negativePrompt: false,
      guidance: true,
      vaeBases: ["flux"],
      references: adapterRoles.flux,
    },
  },
  "sd-3": {
    defaults: { ...square(1024), steps: 30, cfgScale: 3.5, scheduler: "euler" },
    own: ["cfgScale"],
    accepts: { ...transformerAccepts, loras: false, vaeBases: ["sd-3"] },
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
      schedulers: flowSchedulers,
      negativeNeedsCfg: true,
      vaeBases: ["flux"],
      references: adapterRoles["z-image"],
    },
  },
  "qwen-image": {
    defaults: { ...square(1024), steps: 40, cfgScale: 4, scheduler: "euler" },
    own: ["cfgScale"],
    accepts: { ...transformerAccepts, negativeNeedsCfg: true, vaeBases: ["qwen-image"] },
  },
  flux2: {
    defaults: { ...square(1024), steps: 4, cfgScale: 1, scheduler: "euler" },
    own: ["steps", "cfgScale"],
    accepts: {
      ...transformerAccepts,
      schedulers: flowSchedulers,
      cfgScale: false,
      negativePrompt: false,
      vaeBases: ["flux2"],
      references: edits,
    },
  },
  anima: {
    defaults: { ...square(1024), steps: 35, cfgScale: 4.5, scheduler: "euler" },
    own: ["cfgScale"],
    accepts: {
      ...transformerAccepts,
      sizeMultiple: 8,
      schedulers: ["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "er_sde", "lcm"],
      negativeNeedsCfg: true,
      vaeBases: ["anima", "qwen-image", "flux"],
    },
  },
  "krea-2": {
    defaults: { ...square(1024), steps: 8, cfgScale: 1, scheduler: "euler" },
    own: ["steps", "cfgScale"],
    accepts: {
      ...transformerAccepts,
      negativeNeedsCfg: true,
      vaeBases: ["qwen-image", "anima"],
      since: "6.14",
    },
  },
  "ernie-image": {
    defaults: { ...square(1024), steps: 50, cfgScale: 4, scheduler: "euler" },
    own: ["steps", "cfgScale"],
    accepts: {
      ...transformerAccepts,
      schedulers: flowSchedulers,
      negativeNeedsCfg: true,
      imageToImage: false,
      inpaint: false,
      loras: false,
      since: "6.14",
    },
  },
  "ideogram-4": {
    defaults: {
      ...square(1024),
      steps: presets.V4_QUALITY_48,
      cfgScale: 1,
      scheduler: "V4_QUALITY_48",
    },
    own: ["steps", "cfgScale"],
    accepts: {
      ...transformerAccepts,
      schedulers: Object.keys(presets),
      usualSteps: presets,
      // Its last steps have a weight of their own, and one more is needed.
      minSteps: { V4_QUALITY_48: 2, V4_DEFAULT_20: 2, V4_TURBO_12: 2 },
      maxSteps: 100,
      cfgScale: false,
      negativePrompt: false,
      guidance: "optional",
      imageToImage: false,
      inpaint: false,
      loras: false,
      since: "6.14",
    },
  },
  wan: {
    defaults: { ...square(1024), steps: 40, cfgScale: 4, scheduler: "euler" },
    own: ["steps", "cfgScale"],
    accepts: { ...transformerAccepts, negativeNeedsCfg: true, since: "6.14" },
  },
};

type Differences = {
  defaults?: Partial<BaseFacts["defaults"]>;
  own?: BaseFacts["own"];
  accepts?: Partial<BaseFacts["accepts"]>;
};

const klein4b = ["klein_4b", "klein_4b_base"];
const klein9b = ["klein_9b", "klein_9b_base"];

/** How variants differ from their base, under `base variant`; `kontext` and ERNIE's `turbo` are known by the model's name. */
const variantFacts: Readonly<Record<string, Differences>> = {
  // It is made for four steps and ignores guidance.
  "flux schnell": {
    defaults: { steps: 4 },
    own: ["cfgScale", "steps"],
    accepts: { guidance: false, references: adapterRoles["flux schnell"] },
  },
  // It edits reference images; its own latents as a start would be ignored.
  "flux kontext": { accepts: { imageToImage: false, inpaint: false, references: edits } },
  "qwen-image edit": { accepts: { references: edits } },
  "flux dev_fill": {
    defaults: { guidance: 30 },
    accepts: { imageToImage: false, partsOnly: true, maxGuidance: 100, references: [] },
  },
  // They take plain prompts, too, but are made for painting parts.
  "sd-1 inpaint": { accepts: { hires: false } },
  "sdxl inpaint": { accepts: { hires: false } },
  "flux2 klein_4b": { accepts: { loraVariants: klein4b } },
  "flux2 klein_9b": { accepts: { loraVariants: klein9b } },
  "flux2 klein_4b_base": { defaults: { steps: 28 }, accepts: { loraVariants: klein4b } },
  "flux2 klein_9b_base": { defaults: { steps: 28 }, accepts: { loraVariants: klein9b } },
  "flux2 dev": {
    defaults: { steps: 28, guidance: 3.5 },
    accepts: { guidance: true, loraVariants: ["dev"], since: "6.14" },
  },
  "z-image zbase": { defaults: { steps: 50, cfgScale: 4 } },
  "krea-2 krea2_base": { defaults: { steps: 28, cfgScale: 5.5 } },
  "ernie-image turbo": { defaults: { steps: 8, cfgScale: 1 } },
  "wan t2v_a14b": { accepts: { loraVariants: ["a14b"] } },
  "wan ti2v_5b": { defaults: { steps: 30, cfgScale: 5 }, accepts: { loraVariants: ["5b"] } },
};

/** What a model's facts depend on. */
export type ModelKind = Pick<MainModel, "base" | "variant" | "format" | "name">;

/** The facts about a model; undefined for an unknown base. */
export function factsOf(model: ModelKind): BaseFacts | undefined {
  const { base } = model;
  const facts = Object.hasOwn(baseFacts, base) ? baseFacts[base] : undefined;
  if (!facts) return undefined;
  const different = variantFacts[`${base} ${kindOf(model)}`];
  const defaults = { ...facts.defaults, ...different?.defaults };
  const own = different?.own ?? facts.own;
  const accepts = {
    ...facts.accepts,
    ...different?.accepts,
    companions: companionsOf(model),
  };
  if (accepts.guidance === false) delete defaults.guidance;
  return { defaults, accepts, ...(own && { own }) };
}

/** The model's variant, where InvokeAI records it or, as its page does, by the name. */
function kindOf({ base, variant, name }: ModelKind): string | null {
  if (base === "flux" && variant === "dev" && isKontext(name)) return "kontext";
  if (base === "ernie-image" && /turbo/i.test(name)) return "turbo";
  return variant;
}

const isKontext = (name: string): boolean => /kontext/i.test(name);

function square(side: number): { width: number; height: number } {
  return { width: side, height: side };
}
