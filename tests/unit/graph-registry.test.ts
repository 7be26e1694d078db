import { expect, test } from "bun:test";
import { baseFacts, factsOf } from "#activities/adapters/invokeai/bases";
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
import {
  companionFor,
  everyMain,
  fluxFill,
  mainOf,
  paintedPart,
  partOf,
  partsFor,
  requestFor,
  variantOf,
} from "#tests/support/graph-parts";

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
  imageEncoder: null,
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
    "anima",
    "cogview4",
    "ernie-image",
    "flux",
    "flux2",
    "ideogram-4",
    "krea-2",
    "qwen-image",
    "sd-1",
    "sd-2",
    "sd-3",
    "sdxl",
    "wan",
    "z-image",
  ]);
});

test("a base's own defaults are values that it accepts", () => {
  for (const [, model] of everyMain) {
    const { defaults, accepts } = factsOf(model)!;
    for (const side of [defaults.width, defaults.height]) {
      expect(side % accepts.sizeMultiple).toBe(0);
      expect(side).toBeWithin(accepts.minSize, accepts.maxSize + 1);
    }
    expect(accepts.schedulers).toContain(defaults.scheduler);
    expect(defaults.guidance !== undefined).toBe(accepts.guidance === true);
    expect(defaults.steps).toBeWithin(
      accepts.minSteps?.[defaults.scheduler] ?? 1,
      (accepts.maxSteps ?? 500) + 1,
    );
    expect(accepts.cfgScale || defaults.cfgScale === 1).toBe(true);
  }
});

test("the schedulers that settings take are those that some base accepts", () => {
  const accepted = Object.values(baseFacts).flatMap(({ accepts }) => accepts.schedulers);
  expect<string[]>(schedulers.toSorted()).toEqual([...new Set(accepted)].toSorted());
});

test("a model of a base without graphs, or of another kind, is refused with invokeai_model_error", () => {
  for (const other of [
    model({ base: "external" }),
    model({ base: "sdxl-refiner" }),
    model({ type: "vae" }),
    model({ base: "toString" }),
    model({ variant: "depth" }),
    flux({ variant: "dev_fill", format: "diffusers" }),
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
  for (const base of ["cogview4", "ernie-image", "ideogram-4", "wan"]) {
    const vae = partOf(base, "vae", "Clear");
    expect(refusalOf(requestFor(base, { vae })).message).toMatch(/only the model's own/);
  }
});

test("a VAE and LoRAs of another base or kind are refused before anything is queued", () => {
  for (const base of supportedBases) {
    const foreign = base === "sdxl" ? "sd-1" : "sdxl";
    const parts = partsFor(factsOf(mainOf(base))!.accepts.companions[0] ?? []);
    for (const overrides of [
      { vae: partOf(foreign, "vae", "Clear") },
      { vae: partOf(base, "lora", "Ink") },
      { loras: [{ model: partOf(foreign, "lora", "Ink"), weight: 1 }] },
      { loras: [{ model: partOf(base, "vae", "Clear"), weight: 1 }] },
    ]) {
      const request = requestFor(base, { ...parts, ...overrides });
      expect(refusalOf(request).code).toBe("invokeai_model_error");
    }
  }
});

test("text encoders of another kind or size, or for a model that has its own, are refused", () => {
  const { t5Encoder, clipEmbed } = requestFor("flux").companions;
  const swapped = { t5Encoder: clipEmbed!, clipEmbed: t5Encoder! };
  const foreign = { t5Encoder: t5Encoder!, clipEmbed: clipEmbed! };
  expect(refusalOf(requestFor("flux", { companions: swapped })).code).toBe("invokeai_model_error");
  expect(refusalOf(requestFor("sdxl", { companions: foreign })).code).toBe("invokeai_model_error");

  const klein = mainOf("flux2", "klein_9b", "gguf_quantized");
  const { companions } = requestFor("flux2", { model: klein });
  const encoder = { ...companions.qwen3Encoder!, variant: "qwen3_4b" };
  const small = { model: klein, companions: { qwen3Encoder: encoder } };
  expect(refusalOf(requestFor("flux2", small)).message).toMatch(
    /a VAE for flux2 and a Qwen3 8B text encoder, or FLUX.2 Klein 9B as a folder of diffusers/,
  );
  const unnamed = { ...encoder, variant: null };
  buildGraph(requestFor("flux2", { ...small, companions: { qwen3Encoder: unnamed } }));
});

test("each alternative of what a model needs beside it is wired to the loader, and recorded", () => {
  for (const [title, main] of everyMain) {
    for (const needed of factsOf(main)!.accepts.companions) {
      const { nodes } = buildGraph(requestFor(main.base, { model: main, ...partsFor(needed) }));
      for (const need of needed) {
        const { key } = companionFor(need);
        const holders = [nodes.model, nodes.meta].map((node) => JSON.stringify(node));
        expect([title, need.title, holders.map((text) => text.includes(key))]).toEqual([
          title,
          need.title,
          [true, true],
        ]);
      }
    }
  }
});

test("a model that generates from text alone takes no source", () => {
  const kontext = { ...mainOf("flux"), name: "FLUX.1 Kontext dev" };
  const picture = { imageName: "a.png", width: 64, height: 64, strength: 0.5 };
  for (const main of [mainOf("ernie-image"), mainOf("ideogram-4"), kontext]) {
    const request = requestFor(main.base, { model: main, source: picture });
    expect(refusalOf(request).message).toBe(`Choose no source image for "${main.name}".`);
  }
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
  anima: [
    ...withoutClipSkipAndGuidance("anima"),
    [{ scheduler: "dpmpp_3m" }, /scheduler/],
    [{ width: 1028 }, /multiples of 8/],
  ],
  "krea-2": [
    ...withoutClipSkipAndGuidance("krea-2"),
    [{ scheduler: "heun" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16/],
  ],
  "ernie-image": [
    ...withoutClipSkipAndGuidance("ernie-image"),
    [{ scheduler: "dpmpp_2m_k" }, /scheduler/],
    [{ width: 1032 }, /multiples of 16/],
  ],
  "ideogram-4": [
    [{ clipSkip: 1 }, /clip_skip to none, as it is not supported by ideogram-4/],
    [{ cfgScale: 7 }, /cfg_scale to 1/],
    [{ negativePrompt: "blurred" }, /negative_prompt to none/],
    [{ scheduler: "euler" }, /scheduler/],
    [{ steps: 101 }, /steps to a whole number from 1 to 100/],
    [{ width: 1032 }, /multiples of 16/],
  ],
  wan: [
    ...withoutClipSkipAndGuidance("wan"),
    [{ scheduler: "heun" }, /scheduler/],
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

test("every base has its own refusals", () => {
  expect(Object.keys(refused).toSorted()).toEqual(supportedBases.toSorted());
});

for (const [base, own] of Object.entries(refused)) {
  test(`${base}: parameters that the server would refuse, fail on or drop are refused, all in one error`, () => {
    const { imageToImage } = factsOf(mainOf(base))!.accepts;
    for (const [wrong, words] of [...everywhere, ...own]) {
      if (wrong.source && !imageToImage) continue;
      const error = refusalOf(requestFor(base, wrong));
      expect(error.code).toBe("invokeai_graph_error");
      expect(error.message).toMatch(words);
    }
    const { message } = refusalOf(requestFor(base, { steps: 0, cfgScale: 0 }));
    expect(message).toMatch(/steps.*cfg_scale/);
  });
}

test("FLUX Fill is refused without a part to paint", () => {
  const [, fill] = fluxFill;
  const whole = { imageName: "a.png", width: 1024, height: 1024, strength: 0.5 };
  const request = (overrides: object) => requestFor("flux", { model: fill, ...overrides });
  expect(refusalOf(request({})).message).toContain("only paints a part of a picture");
  expect(refusalOf(request({ source: whole })).message).toContain("no whole source image");
  const graph = buildGraph(request({ guidance: 30, source: { ...whole, part: paintedPart } }));
  expect(graph.nodes["denoise"]).toMatchObject({ denoising_start: 0, guidance: 30 });
  expect(graph.nodes["meta"]).toMatchObject({ generation_mode: "flux_inpaint", strength: 1 });
  expect(graph.nodes["fill"]).toMatchObject({ image: { image_name: "a.png" } });
  expect(graph.nodes["fmask"]).toMatchObject({ image: { image_name: "mask.png" } });
  expect(graph.nodes).not.toHaveProperty("i2l");
  expect(graph.nodes).not.toHaveProperty("cgm");
});

test("a second pass is built for sd-1 and sdxl without a source only, and within their sizes", () => {
  const hires = { scale: 2, strength: 0.5 };
  for (const base of supportedBases) {
    if (base === "sd-1" || base === "sdxl") buildGraph(requestFor(base, { hires }));
    else expect(refusalOf(requestFor(base, { hires })).message).toMatch(/hires to none/);
  }
  for (const overrides of [
    { hires, source: { imageName: "a.png", width: 512, height: 512, strength: 0.5 } },
    { hires: { ...hires, scale: 5 } },
    { hires: { ...hires, scale: 1 } },
    { hires: { ...hires, strength: 0 } },
    { hires: { ...hires, strength: 1.1 } },
    { hires: { ...hires, scale: Number.NaN } },
    { hires, model: mainOf("sd-1", "inpaint") },
  ]) {
    expect(refusalOf(requestFor("sd-1", overrides)).code).toBe("invokeai_graph_error");
  }
});

test("main models of known bases and variants are supported", () => {
  for (const base of ["sd-1", "sd-2", "sdxl"]) {
    expect(isSupported(model({ base }))).toBe(true);
    expect(isSupported(model({ base, variant: null }))).toBe(true);
    expect(isSupported(model({ base, variant: "inpaint" }))).toBe(true);
    expect(isSupported(model({ base, variant: "depth" }))).toBe(false);
    expect(isSupported(model({ base, type: "lora" }))).toBe(false);
  }
  for (const base of ["sdxl-refiner", "external", "unknown"]) {
    expect(isSupported(model({ base }))).toBe(false);
  }
});

test("of FLUX, dev, schnell, Kontext and Fill in a single file are supported; folders are not", () => {
  expect(isSupported(flux())).toBe(true);
  expect(isSupported(flux({ variant: "schnell", format: "checkpoint" }))).toBe(true);
  expect(isSupported(flux({ format: "diffusers" }))).toBe(false);
  expect(isSupported(flux({ variant: "dev_fill" }))).toBe(true);
  expect(isSupported(flux({ name: "FLUX.1 Kontext dev" }))).toBe(true);
});

test("single files are supported of the bases whose loader takes the parts one by one", () => {
  const formatsOf = (base: string) =>
    ["diffusers", "checkpoint", "gguf_quantized"].filter((format) =>
      isSupported(model({ base, variant: variantOf(base), format })),
    );
  for (const base of ["sd-3", "cogview4", "ernie-image", "ideogram-4", "wan"]) {
    expect([base, formatsOf(base)]).toEqual([base, ["diffusers"]]);
  }
  for (const base of ["z-image", "qwen-image", "flux2", "krea-2"]) {
    expect([base, formatsOf(base).length]).toEqual([base, 3]);
  }
  expect(formatsOf("anima")).toEqual(["checkpoint", "gguf_quantized"]);
  expect(isSupported(model({ base: "qwen-image", variant: "edit" }))).toBe(true);
  expect(isSupported(model({ base: "flux2", variant: "dev" }))).toBe(true);
  expect(isSupported(model({ base: "wan", variant: "i2v_a14b" }))).toBe(false);
});

test("models that are not distilled take more steps, and Z-Image's base model has guidance", () => {
  const of = (base: string, variant: string) => defaultsOf(model({ base, variant }));
  expect(of("z-image", "turbo")).toMatchObject({ steps: 9, cfgScale: 1 });
  expect(of("z-image", "zbase")).toMatchObject({ steps: 50, cfgScale: 4 });
  expect(of("flux2", "klein_9b")).toMatchObject({ steps: 4, cfgScale: 1 });
  expect(of("flux2", "klein_9b_base")).toMatchObject({ steps: 28, cfgScale: 1 });
  expect(of("flux2", "dev")).toMatchObject({ steps: 28, cfgScale: 1, guidance: 3.5 });
  expect(of("krea-2", "krea2_base")).toMatchObject({ steps: 28, cfgScale: 5.5 });
  expect(of("wan", "ti2v_5b")).toMatchObject({ steps: 30, cfgScale: 5 });
  const ernie = (name: string) => defaultsOf(model({ base: "ernie-image", variant: null, name }));
  expect(ernie("ERNIE-Image")).toMatchObject({ steps: 50, cfgScale: 4 });
  expect(ernie("ERNIE-Image Turbo")).toMatchObject({ steps: 8, cfgScale: 1 });
});

test("a negative prompt that would have no effect is refused", () => {
  for (const base of ["z-image", "qwen-image", "anima", "krea-2", "ernie-image", "wan"]) {
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
  expect(defaultsOf(model({ base: "external" }))).toBeUndefined();
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

test("a strength of 0 leaves a step to the samplers that fail without one", () => {
  for (const base of ["anima", "krea-2", "wan"]) {
    const picture = { imageName: "a.png", width: 64, height: 64, strength: 0 };
    const startOf = (strength: number) =>
      buildGraph(requestFor(base, { steps: 10, source: { ...picture, strength } })).nodes[
        "denoise"
      ]?.["denoising_start"];
    expect([base, startOf(0), startOf(0.5), startOf(1)]).toEqual([base, 0.9, 0.5, 0]);
  }
});
