import { expect, test } from "bun:test";
import { baseFacts } from "#activities/adapters/invokeai/bases";
import {
  buildGraph,
  defaultsOf,
  type GraphRequest,
  isSupported,
  supportedBases,
} from "#activities/adapters/invokeai/graphs/index";
import type { InvokeAiModel } from "#activities/adapters/invokeai/types";
import { schedulers } from "#generation-parameters";
import { AppError } from "#errors";
import { partOf, requestFor, variantOf } from "#tests/support/graph-parts";

const noSettings: InvokeAiModel["settings"] = {
  width: null,
  height: null,
  steps: null,
  cfgScale: null,
  scheduler: null,
  guidance: null,
  vaeKey: null,
};

const model = (overrides: Partial<InvokeAiModel> = {}): InvokeAiModel => ({
  ...partOf("sd-1", "main", "Dreamy"),
  format: "diffusers",
  variant: "normal",
  description: null,
  settings: noSettings,
  ...overrides,
});

const flux = (overrides: Partial<InvokeAiModel> = {}) =>
  model({ base: "flux", format: "gguf_quantized", variant: "dev", ...overrides });

function refusalOf(request: GraphRequest): AppError {
  try {
    buildGraph(request);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("A graph was built.");
}

test("exactly the bases with graphs have facts", () => {
  expect(Object.keys(baseFacts).toSorted()).toEqual([...supportedBases].toSorted());
  expect(supportedBases.toSorted()).toEqual([
    "cogview4",
    "flux",
    "flux2",
    "qwen-image",
    "sd-1",
    "sd-2",
    "sd-3",
    "sdxl",
    "z-image",
  ]);
});

test("a base's own defaults are values that it accepts", () => {
  for (const { defaults, accepts } of Object.values(baseFacts)) {
    for (const side of [defaults.width, defaults.height]) {
      expect(side % accepts.sizeMultiple).toBe(0);
      expect(side).toBeWithin(accepts.minSize, accepts.maxSize + 1);
    }
    expect(accepts.schedulers).toContain(defaults.scheduler);
    expect(defaults.guidance !== undefined).toBe(accepts.guidance);
    expect(accepts.cfgScale || defaults.cfgScale === 1).toBe(true);
  }
});

test("the schedulers that settings take are those that some base accepts", () => {
  const accepted = Object.values(baseFacts).flatMap(({ accepts }) => accepts.schedulers);
  expect<string[]>(schedulers.toSorted()).toEqual([...new Set(accepted)].toSorted());
});

test("a model of a base without graphs, or of another kind, is refused with invokeai_model_error", () => {
  for (const other of [
    model({ base: "anima" }),
    model({ base: "sdxl-refiner" }),
    model({ type: "vae" }),
    model({ base: "toString" }),
    model({ variant: "inpaint" }),
    flux({ variant: "dev_fill" }),
  ]) {
    expect(refusalOf(requestFor("sd-1", { model: other }))).toMatchObject({
      kind: "invalid",
      code: "invokeai_model_error",
    });
  }
});

test("LoRAs, or a VAE, for a base that takes none are refused", () => {
  for (const base of ["sd-3", "cogview4"]) {
    const loras = [{ model: partOf(base, "lora", "Ink"), weight: 1 }];
    expect(refusalOf(requestFor(base, { loras })).message).toMatch(/without LoRAs/);
  }
  for (const base of ["cogview4", "z-image"]) {
    const vae = partOf(base, "vae", "Clear");
    expect(refusalOf(requestFor(base, { vae })).code).toBe("invokeai_model_error");
  }
});

test("a VAE and LoRAs of another base or kind are refused before anything is queued", () => {
  for (const base of supportedBases) {
    const foreign = base === "sdxl" ? "sd-1" : "sdxl";
    for (const overrides of [
      { vae: partOf(foreign, "vae", "Clear") },
      { vae: partOf(base, "lora", "Ink") },
      { loras: [{ model: partOf(foreign, "lora", "Ink"), weight: 1 }] },
      { loras: [{ model: partOf(base, "vae", "Clear"), weight: 1 }] },
    ]) {
      expect(refusalOf(requestFor(base, overrides)).code).toBe("invokeai_model_error");
    }
  }
});

test("text encoders of another kind, or for a base that has its own, are refused", () => {
  const { encoders } = requestFor("flux");
  const swapped = encoders && { t5: encoders.clip, clip: encoders.t5 };
  expect(refusalOf(requestFor("flux", { encoders: swapped })).code).toBe("invokeai_model_error");
  expect(refusalOf(requestFor("sdxl", { encoders })).code).toBe("invokeai_model_error");
});

const source = { imageName: "a.png", width: 512, height: 512, strength: 0.5 };
const everywhere: [Partial<GraphRequest>, RegExp][] = [
  [{ width: 500 }, /width and height to multiples/],
  [{ height: 8192 }, /width and height/],
  [{ width: 32 }, /width and height/],
  [{ width: Number.NaN }, /width and height/],
  [{ steps: 0 }, /steps/],
  [{ steps: 1.5 }, /steps/],
  [{ steps: 501 }, /steps/],
  [{ cfgScale: 0.5 }, /cfg_scale/],
  [{ cfgScale: 201 }, /cfg_scale/],
  [{ scheduler: "fast" }, /scheduler/],
  [{ clipSkip: 25 }, /clip_skip/],
  [{ clipSkip: 0.5 }, /clip_skip/],
  [{ guidance: 21 }, /guidance/],
  [{ source: { ...source, strength: 1.1 } }, /strength/],
];
const withoutClipSkipAndGuidance = (base: string): [Partial<GraphRequest>, RegExp][] => [
  [{ clipSkip: 1 }, new RegExp(`clip_skip to none, as it is not supported by ${base}`)],
  [{ guidance: 4 }, new RegExp(`guidance to none, as it is not supported by ${base}`)],
];
const refused: Record<string, [Partial<GraphRequest>, RegExp][]> = {
  "sd-3": [
    ...withoutClipSkipAndGuidance("sd-3"),
    [{ scheduler: "heun" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16 from 64 to 2048/],
  ],
  cogview4: [
    ...withoutClipSkipAndGuidance("cogview4"),
    [{ scheduler: "heun" }, /scheduler/],
    [{ width: 1040 }, /multiples of 32 from 64 to 2048/],
  ],
  "z-image": [
    ...withoutClipSkipAndGuidance("z-image"),
    [{ scheduler: "dpmpp_2m_k" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16/],
  ],
  "qwen-image": [
    ...withoutClipSkipAndGuidance("qwen-image"),
    [{ scheduler: "heun" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16/],
  ],
  flux2: [
    ...withoutClipSkipAndGuidance("flux2"),
    [{ negativePrompt: "blurred" }, /negative_prompt to none, as it is not supported by flux2/],
    [{ cfgScale: 7 }, /cfg_scale to 1: other values are not supported by flux2/],
    [{ scheduler: "dpmpp_2m_k" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16/],
  ],
  "sd-1": [
    [{ clipSkip: 13 }, /clip_skip to a whole number from 0 to 12/],
    [{ guidance: 4 }, /guidance to none, as it is not supported by sd-1/],
    [{ width: 2056 }, /64 to 2048/],
  ],
  "sd-2": [
    [{ guidance: 4 }, /guidance to none, as it is not supported by sd-2/],
    [{ width: 2056 }, /64 to 2048/],
  ],
  sdxl: [
    [{ clipSkip: 1 }, /clip_skip to none, as it is not supported by sdxl/],
    [{ guidance: 4 }, /guidance to none, as it is not supported by sdxl/],
    [{ width: 1028 }, /multiples of 8 from 64 to 4096/],
  ],
  flux: [
    [{ clipSkip: 1 }, /clip_skip to none, as it is not supported by flux/],
    [{ negativePrompt: "blurred" }, /negative_prompt to none, as it is not supported by flux/],
    [{ cfgScale: 7 }, /cfg_scale to 1: other values are not supported by flux/],
    [{ guidance: null }, /guidance to a number from 1 to 20/],
    [{ scheduler: "dpmpp_2m_k" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16 from 64 to 4096/],
  ],
};

for (const [base, own] of Object.entries(refused)) {
  test(`${base}: parameters that the server would refuse, fail on or drop are refused, all in one error`, () => {
    for (const [wrong, words] of [...everywhere, ...own]) {
      const error = refusalOf(requestFor(base, wrong));
      expect(error.code).toBe("invokeai_graph_error");
      expect(error.message).toMatch(words);
    }
    const { message } = refusalOf(requestFor(base, { steps: 0, cfgScale: 0 }));
    expect(message).toMatch(/steps.*cfg_scale/);
  });
}

test("only plain main models of known bases are supported", () => {
  for (const base of ["sd-1", "sd-2", "sdxl"]) {
    expect(isSupported(model({ base }))).toBe(true);
    expect(isSupported(model({ base, variant: null }))).toBe(true);
    expect(isSupported(model({ base, variant: "inpaint" }))).toBe(false);
    expect(isSupported(model({ base, variant: "depth" }))).toBe(false);
    expect(isSupported(model({ base, type: "lora" }))).toBe(false);
  }
  for (const base of ["sdxl-refiner", "anima", "wan", "krea-2", "unknown"]) {
    expect(isSupported(model({ base }))).toBe(false);
  }
});

test("of FLUX, dev and schnell in a single file are supported; folders, edit and fill models are not", () => {
  expect(isSupported(flux())).toBe(true);
  expect(isSupported(flux({ variant: "schnell", format: "checkpoint" }))).toBe(true);
  expect(isSupported(flux({ format: "diffusers" }))).toBe(false);
  expect(isSupported(flux({ variant: "dev_fill" }))).toBe(false);
  expect(isSupported(flux({ name: "FLUX.1 Kontext dev" }))).toBe(false);
});

test("of the bases in folders, those that hold every part are supported; single files and edit models are not", () => {
  for (const base of ["sd-3", "cogview4", "z-image", "qwen-image", "flux2"]) {
    const whole = { base, variant: variantOf(base) };
    expect(isSupported(model(whole))).toBe(true);
    expect(isSupported(model({ ...whole, format: "checkpoint" }))).toBe(false);
    expect(isSupported(model({ ...whole, format: "gguf_quantized" }))).toBe(false);
  }
  expect(isSupported(model({ base: "qwen-image", variant: "edit" }))).toBe(false);
  expect(isSupported(model({ base: "flux2", variant: "dev" }))).toBe(false);
});

test("models that are not distilled take more steps, and Z-Image's base model has guidance", () => {
  const of = (base: string, variant: string) => defaultsOf(model({ base, variant }));
  expect(of("z-image", "turbo")).toMatchObject({ steps: 9, cfgScale: 1 });
  expect(of("z-image", "zbase")).toMatchObject({ steps: 50, cfgScale: 4 });
  expect(of("flux2", "klein_9b")).toMatchObject({ steps: 4, cfgScale: 1 });
  expect(of("flux2", "klein_9b_base")).toMatchObject({ steps: 28, cfgScale: 1 });
});

test("a negative prompt that would have no effect is refused", () => {
  for (const base of ["z-image", "qwen-image"]) {
    const error = refusalOf(requestFor(base, { negativePrompt: "blurred", cfgScale: 1 }));
    expect(error.message).toMatch(/cfg_scale to a number above 1/);
  }
});

test("a model's settings are its defaults where its base accepts them", () => {
  const ofBase = { ...baseFacts["sd-1"]!.defaults, own: [] };
  expect(defaultsOf(model())).toEqual(ofBase);
  const settings = {
    width: 768,
    height: 512,
    steps: 24,
    cfgScale: 6.5,
    scheduler: "lcm",
    guidance: 3,
    vaeKey: "vae-1",
  };
  expect(defaultsOf(model({ settings }))).toEqual({
    width: 768,
    height: 512,
    steps: 24,
    cfgScale: 6.5,
    scheduler: "lcm",
    own: ["width", "height", "steps", "cfgScale", "scheduler"],
    vaeKey: "vae-1",
  });
  const odd = {
    ...noSettings,
    width: 770,
    height: 512,
    steps: 0,
    cfgScale: 0,
    scheduler: "unheard",
  };
  expect(defaultsOf(model({ settings: odd }))).toEqual(ofBase);
  expect(defaultsOf(model({ base: "anima" }))).toBeUndefined();
});

test("FLUX dev has a guidance; schnell has four steps and no guidance", () => {
  const set = { ...noSettings, guidance: 3.5, cfgScale: 7 };
  expect(defaultsOf(flux({ settings: set }))).toMatchObject({
    steps: 30,
    cfgScale: 1,
    guidance: 3.5,
    own: ["cfgScale", "guidance"],
  });
  const schnell = defaultsOf(flux({ variant: "schnell", settings: set }));
  expect(schnell).toMatchObject({ steps: 4, cfgScale: 1, own: ["cfgScale", "steps"] });
  expect(schnell).not.toHaveProperty("guidance");
});
