import { describe, expect, test } from "bun:test";
import { fromComfyPrompt } from "#media/metadata/comfyui";
import { boundGeneration } from "#media/metadata/generation";
import type { JsonObject } from "#media/metadata/json-object";
import { processorMs } from "#tests/support/processor-time";

type Nodes = Record<string, { class_type: string; inputs: object }>;

const node = (class_type: string, inputs: object) => ({ class_type, inputs });
const encode = (text: unknown) => node("CLIPTextEncode", { text, clip: ["4", 1] });

/** A complete sampler graph; `nodes` are added or replaced. */
const graphOf = (nodes: Nodes): Nodes => ({
  "3": node("KSampler", {
    seed: 5,
    steps: 20,
    cfg: 7,
    sampler_name: "euler",
    scheduler: "normal",
    denoise: 1,
    model: ["4", 0],
    positive: ["6", 0],
    negative: ["7", 0],
    latent_image: ["5", 0],
  }),
  "4": node("CheckpointLoaderSimple", { ckpt_name: "base.safetensors" }),
  "5": node("EmptyLatentImage", { width: 512, height: 768, batch_size: 1 }),
  "6": encode("a red fox"),
  "7": encode("watermark"),
  ...nodes,
});

/** The sampler of `graphOf`, with these inputs replaced. */
const sampler = (inputs: object, kind = "KSampler") =>
  node(kind, { ...graphOf({})["3"]!.inputs, ...inputs });

const read = (nodes: Nodes) => {
  const said = fromComfyPrompt(graphOf(nodes) as JsonObject);
  return said && boundGeneration(said);
};

const sidesOf = (nodes: Nodes) => {
  const { prompt, negativePrompt } = read(nodes) ?? {};
  return { prompt, negativePrompt };
};

const both = { prompt: "a red fox", negativePrompt: "watermark" };

describe("the two prompts of a graph", () => {
  test.each([
    ["a model first", ["20", 1], ["20", 2]],
    ["a latent first", ["20", 2], ["20", 3]],
    ["the two alone", ["20", 0], ["20", 1]],
  ])("keep their sides through a node that passes on %s", (_, positive, negative) => {
    const inputs = { positive: ["6", 0], negative: ["7", 0], model: ["4", 0], image: ["33", 0] };
    expect(
      sidesOf({ "3": sampler({ positive, negative }), "20": node("ApplyInstantID", inputs) }),
    ).toEqual(both);
  });

  test("keep their sides through two such nodes, and when the pairs have letters", () => {
    const pair = (from: string, cond = from) => ({ positive: [from, 0], negative: [cond, 1] });
    const nodes = {
      "3": sampler({ positive: ["21", 1], negative: ["21", 2] }),
      "21": node("ControlNetApplyAdvanced", { ...pair("20"), strength: 1 }),
      "20": node("PairConditioningCombine", {
        positive_A: ["6", 0],
        negative_A: ["7", 0],
        positive_B: ["8", 0],
        negative_B: ["7", 0],
      }),
      "8": encode("in the snow"),
    };
    expect(sidesOf(nodes)).toEqual({
      prompt: "a red fox, in the snow",
      negativePrompt: "watermark",
    });
  });

  test.each([
    ["TextEncodeQwenImageEditPlus", { prompt: "a red fox", image1: ["9", 0] }],
    ["CLIPTextEncodeLumina2", { system_prompt: "superior", user_prompt: "a red fox" }],
    ["CLIPTextEncodeSDXL", { text_g: "", text_l: "a red fox", width: 512 }],
    ["CLIPTextEncodeSDXL", { text_g: "a red fox", text_l: "a red fox" }],
    ["CLIPTextEncodeSD3", { clip_l: "a red fox", clip_g: "a red fox", t5xxl: "" }],
    ["CLIPTextEncodeFlux", { clip_l: " ", t5xxl: "a red fox", guidance: 3.5 }],
    ["CLIPTextEncodeHiDream", { clip_l: "", clip_g: "", t5xxl: "", llama: "a red fox" }],
    ["ImpactWildcardEncode", { wildcard_text: "a __c__ fox", populated_text: "a red fox" }],
    ["smZ CLIPTextEncode", { text: "a red fox", parser: "A1111", text_g: "", text_l: "" }],
  ])("are read from a node of class %s: %j", (kind, inputs) => {
    expect(sidesOf({ "6": node(kind, { clip: ["4", 1], ...inputs }) })).toEqual(both);
  });

  test("contain every text of an encoder, each once", () => {
    const nodes = {
      "6": node("CLIPTextEncodeFlux", { clip_l: "fox", t5xxl: "a red fox", clip: [] }),
    };
    expect(sidesOf(nodes).prompt).toBe("fox, a red fox");
  });

  test.each([
    ["ConditioningCombine", "conditioning_1", "conditioning_2"],
    ["ConditioningConcat", "conditioning_to", "conditioning_from"],
    ["ConditioningAverage", "conditioning_to", "conditioning_from"],
    ["ConditioningSetPropertiesAndCombine", "cond", "cond_NEW"],
  ])("contain both texts of %s", (kind, first, second) => {
    const nodes = {
      "3": sampler({ positive: ["10", 0] }),
      "8": encode("in the snow"),
      "10": node(kind, { [first]: ["6", 0], [second]: ["8", 0] }),
    };
    expect(sidesOf(nodes)).toEqual({ ...both, prompt: "a red fox, in the snow" });
  });

  test.each([
    [
      "StringConcatenate",
      { string_a: "a red fox", string_b: "in the snow", delimiter: ", " },
      ", ",
    ],
    ["Text Concatenate", { delimiter: "\\n", text_b: "in the snow", text_a: ["11", 0] }, "\n"],
    ["CR Text Concatenate", { text1: "a red fox", text2: "in the snow", separator: " " }, " "],
    [
      "JoinStringMulti",
      { string_1: "a red fox", string_2: "in the snow", delimiter: " - " },
      " - ",
    ],
    ["StringConcatenate", { string_a: "a red fox", string_b: "in the snow", delimiter: "" }, ""],
    [
      "StringFunction|pysssss",
      {
        action: "append",
        tidy_tags: "yes",
        text_a: "a red fox",
        text_b: "in the snow",
        text_c: "",
      },
      ", ",
    ],
  ])("contain the strings that %s joins: %j", (kind, inputs, between) => {
    const nodes = {
      "6": encode(["8", 0]),
      "8": node(kind, inputs),
      "11": node("PrimitiveStringMultiline", { value: "a red fox" }),
    };
    expect(sidesOf(nodes)).toEqual({ ...both, prompt: `a red fox${between}in the snow` });
  });

  test.each([
    ["Reroute", { "": ["11", 0] }],
    ["ShowText|pysssss", { text: ["11", 0], text_0: "the text of an earlier run" }],
    ["easy showAnything", { anything: ["11", 0], text: "the text of an earlier run" }],
    ["PreviewAny", { source: ["11", 0] }],
    ["ImpactSwitch", { select: 2, input1: ["12", 0], input2: ["11", 0] }],
    ["Any Switch (rgthree)", { any_01: ["11", 0], any_02: ["12", 0] }],
    ["SDXLPromptStyler", { text_positive: ["11", 0], text_negative: "x", style: "base" }],
    ["An unknown class", { anything: ["11", 0], seed: 3 }],
  ])("are followed through %s", (kind, inputs) => {
    const nodes = {
      "6": encode(["8", 0]),
      "8": node(kind, inputs),
      "11": node("String Literal", { string: "a red fox" }),
      "12": node("String Literal", { string: "a dog" }),
    };
    expect(sidesOf(nodes)).toEqual(both);
  });

  test("of a loader that makes them as well are read from it", () => {
    const nodes = {
      "3": sampler(
        { model: ["4", 0], positive: ["4", 1], negative: ["4", 2], latent_image: ["4", 3] },
        "KSampler (Efficient)",
      ),
      "4": node("Efficient Loader", {
        ckpt_name: "base.safetensors",
        lora_name: "None",
        positive: "a red fox",
        negative: "watermark",
        empty_latent_width: 640,
        empty_latent_height: 960,
      }),
    };
    expect(read(nodes)).toMatchObject({ ...both, modelName: "base", width: 640, height: 960 });
  });

  test("and settings are found where they come as one pipe", () => {
    const nodes = {
      "3": node("easy kSampler", { pipe: ["2", 0], image_output: "Save" }),
      "2": node("easy preSampling", {
        pipe: ["4", 0],
        steps: 30,
        cfg: 6,
        seed: 9,
        sampler_name: "euler",
        scheduler: "normal",
      }),
      "4": node("easy fullLoader", {
        ckpt_name: "xl/base.safetensors",
        positive: "a red fox",
        negative: "watermark",
        empty_latent_width: 640,
        empty_latent_height: 960,
      }),
    };
    expect(read(nodes)).toEqual({
      ...both,
      modelName: "base",
      seed: 9,
      steps: 30,
      cfgScale: 6,
      scheduler: "euler",
      width: 640,
      height: 960,
    });
  });
});

describe("a prompt stays empty where it is not sure", () => {
  const dog = { "11": node("String Literal", { string: "a dog" }), "12": encode("a cat") };
  test.each([
    ["a switch that does not say which", "A Switch", { text_a: ["11", 0], text_b: "a cat" }],
    ["a node of an unknown kind with two texts", "Mystery", { text_a: ["11", 0], text_b: "a cat" }],
    ["a node of an unknown kind with two sources", "Mystery", { x: ["11", 0], y: ["12", 0] }],
    ["what a language model made of it", "OllamaGenerate", { prompt: "describe a fox" }],
    ["a replaced text", "StringReplace", { string: "a dog", find: "dog", replace: "fox" }],
    ["a node that is missing", "Reroute", { "": ["99", 0] }],
    ["a node whose text has an unknown name", "Mystery", { poem: "a dog" }],
    ["a cycle", "Reroute", { "": ["8", 0] }],
    ["the other side alone", "Mystery", { negative: ["11", 0] }],
    ["another picture's sampler", "Mystery", { x: ["3", 0] }],
  ])("%s", (_, kind, inputs) => {
    const { prompt: _prompt, ...rest } = read({})!;
    expect(read({ ...dog, "6": encode(["8", 0]), "8": node(kind, inputs) })).toEqual(rest);
  });

  test("of a combination with an unknown part", () => {
    const nodes = {
      "3": sampler({ positive: ["10", 0] }),
      "8": node("LoadConditioning", { file: "x.bin" }),
      "10": node("ConditioningCombine", { conditioning_1: ["6", 0], conditioning_2: ["8", 0] }),
    };
    expect(sidesOf(nodes)).toEqual({ prompt: undefined, negativePrompt: "watermark" });
  });

  test("of parallel pictures with different prompts; their common values are kept", () => {
    const other = { positive: ["8", 0], negative: ["7", 0], seed: 6 };
    const nodes = { "8": encode("a dog"), "13": sampler(other) };
    expect(read(nodes)).toEqual({
      negativePrompt: "watermark",
      modelName: "base",
      steps: 20,
      cfgScale: 7,
      scheduler: "euler",
      width: 512,
      height: 768,
    });
  });

  test("but not for a picture that was only previewed, or made from the first", () => {
    const other = { positive: ["8", 0], seed: 6 };
    const saved = { "9": node("SaveImage", { images: ["15", 0] }) };
    const decoded = { "15": node("VAEDecode", { samples: ["3", 0] }), "8": encode("a dog") };
    expect(read({ ...saved, ...decoded, "13": sampler(other) })).toEqual(read({}));
    const second = sampler({ ...other, latent_image: ["17", 0], denoise: 0.4 });
    const scaled = {
      "16": node("ImageScale", { image: ["15", 0], width: 2048 }),
      "17": node("VAEEncode", { pixels: ["16", 0] }),
    };
    expect(read({ ...decoded, ...scaled, "1": second })).toEqual(read({}));
  });
});

describe("guiders", () => {
  const custom = (guider: object) => ({
    "3": node("SamplerCustomAdvanced", {
      noise: ["9", 0],
      guider: ["8", 0],
      sampler: ["10", 0],
      sigmas: ["12", 0],
      latent_image: ["5", 0],
    }),
    "8": guider as Nodes[string],
    "9": node("RandomNoise", { noise_seed: ["13", 0] }),
    "10": node("KSamplerSelect", { sampler_name: "euler" }),
    "11": node("BasicScheduler", { scheduler: "simple", steps: 8, denoise: 1, model: ["4", 0] }),
    "12": node("SplitSigmas", { sigmas: ["11", 0], step: 4 }),
    "13": node("Seed (rgthree)", { seed: 77 }),
  });
  const common = {
    modelName: "base",
    seed: 77,
    steps: 8,
    scheduler: "euler",
    width: 512,
    height: 768,
  };

  test.each([
    [
      node("CFGGuider", { model: ["4", 0], positive: ["6", 0], negative: ["7", 0], cfg: 5 }),
      { ...both, cfgScale: 5 },
    ],
    [
      node("DualCFGGuider", {
        model: ["4", 0],
        cond1: ["6", 0],
        cond2: ["7", 0],
        negative: ["7", 0],
        cfg_conds: 5,
        cfg_cond2_negative: 2,
      }),
      { ...both, cfgScale: 5 },
    ],
    [node("BasicGuider", { model: ["4", 0], conditioning: ["6", 0] }), { prompt: "a red fox" }],
    [
      node("PerpNegGuider", {
        model: ["4", 0],
        positive: ["6", 0],
        negative: ["7", 0],
        empty_conditioning: ["6", 0],
        cfg: 5,
        neg_scale: 1,
      }),
      { ...both, cfgScale: 5 },
    ],
  ])("%j", (guider, expected) => {
    expect(read(custom(guider))).toEqual({ ...common, ...expected });
  });
});

describe("the model", () => {
  const modelOf = (inputs: object, kind = "X", more: Nodes = {}) =>
    read({ "4": node(kind, inputs), ...more })?.modelName;

  test.each([
    ["UNETLoader", { unet_name: "a\\flux.sft", weight_dtype: "default" }, "flux"],
    ["UnetLoaderGGUF", { unet_name: "flux-Q4.gguf" }, "flux-Q4"],
    ["LoaderGGUF", { gguf_name: "flux-Q4.gguf" }, "flux-Q4"],
    ["CheckpointLoader|pysssss", { ckpt_name: { content: "a/b.ckpt", image: null } }, "b"],
    ["NunchakuFluxDiTLoader", { model_path: "svdq-flux", attention: "x" }, "svdq-flux"],
    ["Eff. Loader SDXL", { base_ckpt_name: "xl.safetensors", refiner_ckpt_name: "r" }, "xl"],
    ["CheckpointLoaderSimple", { ckpt_name: ["20", 0] }, "named"],
  ])("is the one that %s loads", (kind, inputs, expected) => {
    const named = { "20": node("Checkpoint Selector", { ckpt_name: "named.safetensors" }) };
    expect(modelOf(inputs, kind, named)).toBe(expected);
  });

  test.each([
    ["ModelMergeSimple", { model1: ["20", 0], model2: ["21", 0], ratio: 0.7 }],
    ["ModelMergeBlocks", { model1: ["20", 0], model2: ["21", 0], input: 1, middle: 1, out: 1 }],
    ["ModelSamplingFlux", { model: ["20", 0], max_shift: 1.15 }],
    ["IPAdapterAdvanced", { model: ["20", 0], ipadapter: ["21", 0], model_name: "x.bin" }],
    ["Reroute", { "": ["20", 0] }],
  ])("is found behind %s; of a merge, the first model", (kind, inputs) => {
    const loaders = {
      "20": node("CheckpointLoaderSimple", { ckpt_name: "first.safetensors" }),
      "21": node("CheckpointLoaderSimple", { ckpt_name: "second.safetensors" }),
    };
    expect(modelOf(inputs, kind, loaders)).toBe("first");
  });
});

describe("LoRAs", () => {
  const behind = { "40": node("CheckpointLoaderSimple", { ckpt_name: "base.safetensors" }) };
  const lorasOf = (inputs: object, more: Nodes = {}) =>
    read({ "4": node("X", { model: ["40", 0], clip: ["40", 1], ...inputs }), ...behind, ...more })
      ?.loras;
  const two = [
    { name: "detail", weight: 0.8 },
    { name: "ink", weight: -0.5 },
  ];

  test.each([
    [
      "Power Lora Loader (rgthree)",
      {
        PowerLoraLoaderHeaderWidget: { type: "PowerLoraLoaderHeaderWidget" },
        lora_1: { on: true, lora: "a/detail.safetensors", strength: 0.8 },
        lora_2: { on: false, lora: "off.safetensors", strength: 1 },
        lora_3: { on: true, lora: "ink.safetensors", strength: -0.5, strengthTwo: 1 },
        lora_4: { on: true, lora: "None", strength: 1 },
      },
    ],
    [
      "Lora Loader Stack (rgthree)",
      {
        lora_01: "detail.safetensors",
        strength_01: 0.8,
        lora_02: "ink.safetensors",
        strength_02: -0.5,
        lora_03: "None",
        strength_03: 1,
      },
    ],
    [
      "LoraLoaderStack",
      {
        lora_name_1: "detail.safetensors",
        strength_model_1: 0.8,
        strength_clip_1: 1,
        lora_name_2: "ink.safetensors",
        strength_model_2: -0.5,
        strength_clip_2: 1,
      },
    ],
    [
      "LoraManager",
      {
        text: "<lora:detail:0.8>",
        loras: {
          __value__: [
            { name: "detail", strength: "0.8", active: true },
            { name: "ink", strength: -0.5, active: true },
            { name: "off", strength: 1, active: false },
          ],
        },
      },
    ],
    ["a loader with tags", { text: "a fox <lora:detail:0.8>, <lora:ink:-.5>" }],
  ])("of %s", (_, inputs) => {
    expect(lorasOf(inputs)).toEqual(two);
  });

  test.each([
    [
      "efficiency's, simple",
      {
        input_mode: "simple",
        lora_count: 2,
        lora_name_1: "detail.safetensors",
        lora_wt_1: 0.8,
        model_str_1: 1,
        lora_name_2: "ink.safetensors",
        lora_wt_2: -0.5,
        model_str_2: 1,
        lora_name_3: "beyond.safetensors",
        lora_wt_3: 1,
      },
    ],
    [
      "efficiency's, advanced",
      {
        input_mode: "advanced",
        lora_count: 2,
        lora_name_1: "detail.safetensors",
        lora_wt_1: 1,
        model_str_1: 0.8,
        lora_name_2: "ink.safetensors",
        lora_wt_2: 1,
        model_str_2: -0.5,
      },
    ],
    [
      "Comfyroll's",
      {
        switch_1: "On",
        lora_name_1: "detail.safetensors",
        model_weight_1: 0.8,
        switch_2: "Off",
        lora_name_2: "off.safetensors",
        model_weight_2: 1,
        switch_3: "On",
        lora_name_3: "ink.safetensors",
        model_weight_3: -0.5,
      },
    ],
    [
      "easy's",
      {
        toggle: true,
        mode: "simple",
        num_loras: 2,
        lora_1_name: "detail.safetensors",
        lora_1_strength: 0.8,
        lora_1_model_strength: 1,
        lora_2_name: "ink.safetensors",
        lora_2_strength: -0.5,
      },
    ],
  ])("of a stack, %s", (_, inputs) => {
    const stack = { "41": node("Stack", inputs) };
    expect(lorasOf({ lora_stack: ["41", 0] }, stack)).toEqual(two);
  });

  test("of chained stacks, before later ones", () => {
    const lora = (name: string) => ({ lora_name_1: name, model_weight_1: 1, switch_1: "On" });
    const stacks = {
      "41": node("CR LoRA Stack", { ...lora("second"), lora_stack: ["42", 0] }),
      "42": node("CR LoRA Stack", lora("first")),
      "43": node("CR Apply LoRA Stack", { model: ["40", 0], lora_stack: ["41", 0] }),
    };
    const inputs = { lora_name: "third.safetensors", strength_model: ["44", 0], model: ["43", 0] };
    const held = { "44": node("PrimitiveFloat", { value: 0.4 }) };
    expect(lorasOf(inputs, { ...stacks, ...held })).toEqual([
      { name: "first", weight: 1 },
      { name: "second", weight: 1 },
      { name: "third", weight: 0.4 },
    ]);
  });
});

describe("a strength", () => {
  const strengthOf = (nodes: Nodes) => read(nodes)?.strength;
  test("is set when a picture was the source, and not when that is unknown", () => {
    const from = { "3": sampler({ latent_image: ["14", 0], denoise: 0.4 }) };
    const pixels = { pixels: ["15", 0], vae: ["4", 2] };
    const picture = node("VAEEncodeForInpaint", pixels);
    expect(strengthOf({ ...from, "14": picture })).toBe(0.4);
    const masked = node("SetLatentNoiseMask", { samples: ["16", 0], mask: ["15", 1] });
    expect(strengthOf({ ...from, "14": masked, "16": picture })).toBe(0.4);
    expect(strengthOf({ ...from, "14": node("Mystery", { width: 5 }) })).toBeUndefined();
    expect(strengthOf({ "3": sampler({ denoise: 0.4 }) })).toBeUndefined();
  });
});

describe("a graph crafted to be slow is read quickly", () => {
  const range = (count: number) => Array.from({ length: count }, (_, at) => at);
  const chain = (
    count: number,
    make: (next: [string, number]) => object,
    kind = "Reroute",
  ): Nodes =>
    Object.fromEntries(range(count).map((at) => [`n${at}`, node(kind, make([`n${at + 1}`, 0]))]));
  const start = {
    "3": sampler({
      positive: ["n0", 0],
      negative: ["n0", 0],
      model: ["n0", 0],
      latent_image: ["n0", 0],
    }),
  };
  const side = (next: unknown) => ({ positive: next, negative: next });
  test.each([
    ["deep", chain(15_000, (next) => ({ "": next }))],
    [
      "doubling",
      chain(10_000, (next) => ({ string_a: next, string_b: next, delimiter: "x" }), "Concat"),
    ],
    ["pairs", chain(10_000, side, "Combine")],
    [
      "wide",
      {
        n0: node(
          "Combine",
          Object.fromEntries(range(40_000).map((at) => [`conditioning_${at}`, ["6", 0]])),
        ),
      },
    ],
    [
      "wide and deep",
      chain(5_000, (next) => ({ x: next, y: next, lora_stack: next, model: next, pipe: next })),
    ],
    [
      "a ring",
      { ...chain(10_000, (next) => ({ "": next })), n10000: node("Reroute", { "": ["n0", 0] }) },
    ],
    [
      "all to all",
      Object.fromEntries(
        range(300).map((at) => [
          `n${at}`,
          node(
            "Combine",
            Object.fromEntries(range(300).map((to) => [`cond_${to}`, [`n${to}`, 0]])),
          ),
        ]),
      ),
    ],
    [
      "many samplers",
      Object.fromEntries(range(4_000).map((at) => [`s${at}`, sampler({ model: ["n0", 0] })])),
    ],
    [
      "many slots",
      { n0: node("X", Object.fromEntries(range(40_000).map((at) => [`lora_name_${at}`, "x"]))) },
    ],
    [
      "long texts",
      {
        ...chain(
          2_000,
          (next) => ({ text_a: next, text_b: "y".repeat(400), delimiter: " " }),
          "Concat",
        ),
        n2000: node("Text", { text: "x".repeat(100_000) }),
      },
    ],
  ] as [string, Nodes][])("%s", async (_, nodes) => {
    expect(await processorMs(() => read({ ...start, ...nodes }))).toBeLessThan(5_000);
  });
});
