import { expect, test } from "bun:test";
import {
  buildGraph,
  type Graph,
  type GraphRequest,
} from "#activities/adapters/invokeai/graphs/index";

const model = (type: string, name: string, base = "sd-1") => ({
  key: `key of ${name}`,
  hash: `blake3:${name}`,
  name,
  base,
  type,
});

const request = (overrides: Partial<GraphRequest> = {}): GraphRequest => ({
  prompt: "a red boat",
  negativePrompt: "",
  width: 512,
  height: 512,
  steps: 20,
  cfgScale: 7,
  scheduler: "dpmpp_2m_k",
  clipSkip: 0,
  model: model("main", "Dreamy 8"),
  vae: null,
  loras: [],
  source: null,
  ...overrides,
});

const source = { imageName: "src.png", width: 512, height: 512, strength: 0.75 };
const everything = request({
  clipSkip: 2,
  vae: model("vae", "clear"),
  loras: [
    { model: model("lora", "ink"), weight: 0.5 },
    { model: model("lora", "grain"), weight: -1 },
  ],
  source: { ...source, width: 600 },
});

const arrows = (graph: Graph) =>
  graph.edges.map(
    ({ source: from, destination: to }) =>
      `${from.node_id}.${from.field} -> ${to.node_id}.${to.field}`,
  );

const variants: [string, GraphRequest][] = [
  ["text to image", request()],
  ["image to image", request({ source })],
  ["image to image with everything", everything],
];

for (const [name, asked] of variants) {
  test(`${name}: each edge joins two nodes, and each plain input has one edge at most`, () => {
    const graph = buildGraph(asked);
    for (const [key, node] of Object.entries(graph.nodes)) expect(node.id).toBe(key);
    for (const edge of graph.edges) {
      expect(graph.nodes).toHaveProperty(edge.source.node_id);
      expect(graph.nodes).toHaveProperty(edge.destination.node_id);
    }
    const inputs = graph.edges
      .filter(({ destination }) => graph.nodes[destination.node_id]?.type !== "collect")
      .map(({ destination }) => `${destination.node_id}.${destination.field}`);
    expect(new Set(inputs).size).toBe(inputs.length);
  });

  test(`${name}: the output alone is kept by the server, and never taken from its cache`, () => {
    const { nodes } = buildGraph(asked);
    const kept = Object.values(nodes).filter((node) => !node.is_intermediate);
    expect(kept.map(({ id, type, use_cache }) => ({ id, type, use_cache }))).toEqual([
      { id: "out", type: "l2i", use_cache: false },
    ]);
  });
}

test("text to image has the nodes and edges of InvokeAI's own page", () => {
  const graph = buildGraph(request());
  expect(arrows(graph).toSorted()).toEqual(
    [
      "model.unet -> denoise.unet",
      "model.clip -> skip.clip",
      "skip.clip -> posc.clip",
      "skip.clip -> negc.clip",
      "pos.value -> posc.prompt",
      "neg.value -> negc.prompt",
      "posc.conditioning -> denoise.positive_conditioning",
      "negc.conditioning -> denoise.negative_conditioning",
      "seed.value -> noise.seed",
      "noise.noise -> denoise.noise",
      "denoise.latents -> out.latents",
      "model.vae -> out.vae",
      "meta.metadata -> out.metadata",
      "seed.value -> meta.seed",
      "pos.value -> meta.positive_prompt",
      "neg.value -> meta.negative_prompt",
    ].toSorted(),
  );
  expect(graph.nodes).toMatchObject({
    pos: { type: "string", value: "a red boat" },
    neg: { type: "string", value: "" },
    seed: { type: "integer" },
    slot: { type: "integer" },
    model: { type: "main_model_loader", model: model("main", "Dreamy 8") },
    skip: { type: "clip_skip", skipped_layers: 0 },
    noise: { type: "noise", width: 512, height: 512, use_cpu: true },
    denoise: {
      type: "denoise_latents",
      steps: 20,
      cfg_scale: 7,
      cfg_rescale_multiplier: 0,
      scheduler: "dpmpp_2m_k",
      denoising_start: 0,
      denoising_end: 1,
    },
    out: { type: "l2i", fp32: true },
  });
});

test("image to image starts from the source, by strength, without a resize it does not need", () => {
  const graph = buildGraph(request({ source }));
  expect(graph.nodes.rin).toBeUndefined();
  expect(graph.nodes.i2l).toMatchObject({ type: "i2l", image: { image_name: "src.png" } });
  expect(graph.nodes.denoise).toMatchObject({ denoising_start: 0.25, denoising_end: 1 });
  expect(arrows(graph)).toContain("i2l.latents -> denoise.latents");
  expect(arrows(graph)).toContain("model.vae -> i2l.vae");
});

test("a source of another size is brought to the exact one", () => {
  const graph = buildGraph(request({ width: 384, source }));
  expect(graph.nodes.rin).toMatchObject({
    type: "img_resize",
    image: { image_name: "src.png" },
    width: 384,
    height: 512,
    resample_mode: "lanczos",
  });
  expect(graph.nodes.i2l).not.toHaveProperty("image");
  expect(arrows(graph)).toContain("rin.image -> i2l.image");
});

test("another VAE is used wherever the model's own was", () => {
  const edges = arrows(buildGraph(everything));
  expect(edges).toContain("vl.vae -> out.vae");
  expect(edges).toContain("vl.vae -> i2l.vae");
  expect(edges.filter((edge) => edge.startsWith("model.vae"))).toEqual([]);
});

test("LoRAs stand between the model and all that uses it", () => {
  const graph = buildGraph(everything);
  const edges = arrows(graph);
  expect(graph.nodes.lora1).toMatchObject({ type: "lora_selector", weight: -1 });
  for (const edge of [
    "lora0.lora -> lc.item",
    "lora1.lora -> lc.item",
    "lc.collection -> ll.loras",
    "model.unet -> ll.unet",
    "skip.clip -> ll.clip",
    "ll.unet -> denoise.unet",
    "ll.clip -> posc.clip",
    "ll.clip -> negc.clip",
  ]) {
    expect(edges).toContain(edge);
  }
  expect(edges).not.toContain("model.unet -> denoise.unet");
  expect(edges).not.toContain("skip.clip -> posc.clip");
});

test("the metadata holds what InvokeAI's own page recalls", () => {
  expect(buildGraph(request()).nodes.meta).toMatchObject({
    type: "core_metadata",
    generation_mode: "txt2img",
    width: 512,
    height: 512,
    steps: 20,
    cfg_scale: 7,
    scheduler: "dpmpp_2m_k",
    rand_device: "cpu",
    clip_skip: 0,
    model: model("main", "Dreamy 8"),
    loras: [],
  });
  expect(buildGraph(everything).nodes.meta).toMatchObject({
    generation_mode: "img2img",
    clip_skip: 2,
    strength: 0.75,
    init_image: "src.png",
    vae: model("vae", "clear"),
    loras: [
      { model: model("lora", "ink"), weight: 0.5 },
      { model: model("lora", "grain"), weight: -1 },
    ],
  });
});

test("a model goes into the graph with its five fields, whatever else is known of it", () => {
  const record = { ...model("main", "Dreamy 8"), description: "private", isFavorite: true };
  const { nodes } = buildGraph(request({ model: record }));
  expect(Object.keys(nodes.model?.model ?? {}).toSorted()).toEqual(
    ["key", "hash", "name", "base", "type"].toSorted(),
  );
});
