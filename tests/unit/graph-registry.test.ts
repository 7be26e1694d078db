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
import { AppError } from "#errors";

const noSettings: InvokeAiModel["settings"] = {
  width: null,
  height: null,
  steps: null,
  cfgScale: null,
  scheduler: null,
  vaeKey: null,
};

const model = (overrides: Partial<InvokeAiModel> = {}): InvokeAiModel => ({
  key: "k",
  hash: "h",
  name: "Dreamy",
  base: "sd-1",
  type: "main",
  format: "diffusers",
  variant: "normal",
  description: null,
  settings: noSettings,
  ...overrides,
});

const request = (overrides: Partial<GraphRequest> = {}): GraphRequest => ({
  prompt: "p",
  negativePrompt: "",
  width: 512,
  height: 512,
  steps: 20,
  cfgScale: 7,
  scheduler: "euler",
  clipSkip: 0,
  model: model(),
  vae: null,
  loras: [],
  source: null,
  ...overrides,
});

function refusalOf(asked: GraphRequest): AppError {
  try {
    buildGraph(asked);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("A graph was built.");
}

test("facts are known of exactly the bases that have graphs", () => {
  expect(Object.keys(baseFacts).toSorted()).toEqual([...supportedBases].toSorted());
});

test("a base's own defaults are values that it accepts", () => {
  for (const { defaults, accepts } of Object.values(baseFacts)) {
    for (const side of [defaults.width, defaults.height]) {
      expect(side % accepts.sizeMultiple).toBe(0);
      expect(side).toBeWithin(accepts.minSize, accepts.maxSize + 1);
    }
    expect(accepts.schedulers).toContain(defaults.scheduler);
  }
});

test("a model of a base without graphs, or of another kind, is refused by its code", () => {
  for (const other of [
    model({ base: "flux" }),
    model({ type: "vae" }),
    model({ base: "toString" }),
  ]) {
    expect(refusalOf(request({ model: other }))).toMatchObject({
      kind: "invalid",
      code: "invokeai_model_error",
    });
  }
});

test("a VAE and LoRAs of another base or kind are refused before anything is queued", () => {
  const vae = model({ type: "vae", name: "Clear" });
  const lora = model({ type: "lora", name: "Ink" });
  expect(buildGraph(request({ vae, loras: [{ model: lora, weight: 1 }] })).nodes).toHaveProperty(
    "ll",
  );
  for (const asked of [
    request({ vae: { ...vae, base: "sdxl" } }),
    request({ vae: lora }),
    request({ loras: [{ model: { ...lora, base: "sdxl" }, weight: 1 }] }),
    request({ loras: [{ model: vae, weight: 1 }] }),
  ]) {
    expect(refusalOf(asked).code).toBe("invokeai_model_error");
  }
});

test("values that the server would refuse or fail on are refused first, all at once", () => {
  const source = { imageName: "a.png", width: 512, height: 512, strength: 0.5 };
  const wrong: [Partial<GraphRequest>, RegExp][] = [
    [{ width: 500 }, /width and height/],
    [{ height: 4096 }, /width and height/],
    [{ width: Number.NaN }, /width and height/],
    [{ steps: 0 }, /steps/],
    [{ steps: 1.5 }, /steps/],
    [{ cfgScale: 0.5 }, /cfg_scale/],
    [{ scheduler: "fast" }, /scheduler/],
    [{ clipSkip: 13 }, /clip_skip/],
    [{ source: { ...source, strength: 1.1 } }, /strength/],
    [{ loras: [{ model: model({ type: "lora" }), weight: Number.NaN }] }, /LoRAs/],
  ];
  for (const [overrides, words] of wrong) {
    const error = refusalOf(request(overrides));
    expect(error.code).toBe("invokeai_graph_error");
    expect(error.message).toMatch(words);
  }
  expect(refusalOf(request({ steps: 0, cfgScale: 0 })).message).toMatch(/steps.*cfg_scale/);
});

test("pictures can be made with plain main models of known bases only", () => {
  expect(isSupported(model())).toBe(true);
  expect(isSupported(model({ variant: null }))).toBe(true);
  expect(isSupported(model({ variant: "inpaint" }))).toBe(false);
  expect(isSupported(model({ base: "flux" }))).toBe(false);
  expect(isSupported(model({ type: "lora" }))).toBe(false);
});

test("a model's settings are its defaults where its base can take them", () => {
  const ofBase = { ...baseFacts["sd-1"]!.defaults, own: [] };
  expect(defaultsOf(model())).toEqual(ofBase);
  const settings = {
    ...noSettings,
    width: 768,
    height: 512,
    steps: 24,
    cfgScale: 6.5,
    scheduler: "lcm",
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
  expect(defaultsOf(model({ base: "flux" }))).toBeUndefined();
});
