import { expect, test } from "bun:test";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { arrowsOf, fullRequestFor, partOf, requestFor } from "#tests/support/graph-parts";

const source = { imageName: "src.png", width: 512, height: 512, strength: 0.75 };

test("sd-1: text to image has the nodes and edges of InvokeAI's own UI", () => {
  const graph = buildGraph(requestFor("sd-1"));
  expect(arrowsOf(graph).toSorted()).toEqual(
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
    model: { type: "main_model_loader", model: partOf("sd-1", "main", "Main of sd-1") },
    skip: { type: "clip_skip", skipped_layers: 0 },
    noise: { type: "noise", width: 512, height: 512, use_cpu: true },
    denoise: {
      type: "denoise_latents",
      steps: 20,
      cfg_scale: 7,
      cfg_rescale_multiplier: 0,
      scheduler: "euler",
      denoising_start: 0,
      denoising_end: 1,
    },
    out: { type: "l2i", fp32: true },
  });
});

test("sd-1: image to image starts denoising at 1 minus strength", () => {
  const graph = buildGraph(requestFor("sd-1", { source }));
  expect(graph.nodes.i2l).toMatchObject({ type: "i2l", image: { image_name: "src.png" } });
  expect(graph.nodes.denoise).toMatchObject({ denoising_start: 0.25, denoising_end: 1 });
  expect(arrowsOf(graph)).toContain("i2l.latents -> denoise.latents");
  expect(arrowsOf(graph)).toContain("model.vae -> i2l.vae");
});

test("sd-1: another VAE replaces the model's own everywhere", () => {
  const edges = arrowsOf(buildGraph(fullRequestFor("sd-1")));
  expect(edges).toContain("vl.vae -> out.vae");
  expect(edges).toContain("vl.vae -> i2l.vae");
  expect(edges.filter((edge) => edge.startsWith("model.vae"))).toEqual([]);
});

test("sd-1: LoRAs are inserted between the model and all its consumers", () => {
  const graph = buildGraph(fullRequestFor("sd-1"));
  const edges = arrowsOf(graph);
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

test("sd-1: the metadata contains what InvokeAI's own UI recalls", () => {
  expect(buildGraph(requestFor("sd-1")).nodes.meta).toMatchObject({
    type: "core_metadata",
    generation_mode: "txt2img",
    width: 512,
    height: 512,
    steps: 20,
    cfg_scale: 7,
    scheduler: "euler",
    rand_device: "cpu",
    clip_skip: 0,
    model: partOf("sd-1", "main", "Main of sd-1"),
    loras: [],
  });
  expect(buildGraph(fullRequestFor("sd-1")).nodes.meta).toMatchObject({
    generation_mode: "img2img",
    clip_skip: 2,
    strength: 0.75,
    init_image: "src.png",
    vae: partOf("sd-1", "vae", "clear"),
    loras: [
      { model: partOf("sd-1", "lora", "ink"), weight: 0.5 },
      { model: partOf("sd-1", "lora", "grain"), weight: -1 },
    ],
  });
});
