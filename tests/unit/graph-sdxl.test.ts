import { expect, test } from "bun:test";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { arrowsOf, fullRequestFor, partOf, requestFor } from "#tests/support/graph-parts";

test("sdxl: text to image has the nodes and edges of InvokeAI's own UI", () => {
  const graph = buildGraph(requestFor("sdxl"));
  const ofPrompt = (name: string, into: string) => [
    `model.clip -> ${name}c.clip`,
    `model.clip2 -> ${name}c.clip2`,
    `${name}.value -> ${name}c.prompt`,
    `${name}.value -> ${name}c.style`,
    `${name}c.conditioning -> denoise.${into}`,
  ];
  expect(arrowsOf(graph).toSorted()).toEqual(
    [
      ...ofPrompt("pos", "positive_conditioning"),
      ...ofPrompt("neg", "negative_conditioning"),
      "model.unet -> denoise.unet",
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
    model: { type: "sdxl_model_loader", model: partOf("sdxl", "main", "Main of sdxl") },
    noise: { width: 1024, height: 1024, use_cpu: true },
    out: { type: "l2i", fp32: true },
  });
  expect(graph.nodes.skip).toBeUndefined();
});

test("sdxl: the size conditioning of the prompts keeps its defaults", () => {
  const { nodes } = buildGraph(requestFor("sdxl", { width: 1344, height: 768 }));
  for (const prompt of [nodes.posc, nodes.negc]) {
    expect(prompt).toEqual({
      id: expect.any(String),
      type: "sdxl_compel_prompt",
      is_intermediate: true,
    });
  }
});

test("sdxl: LoRAs are inserted between the model and all its consumers, including both encoders", () => {
  const graph = buildGraph(fullRequestFor("sdxl"));
  const arrows = arrowsOf(graph);
  expect(graph.nodes.ll).toMatchObject({ type: "sdxl_lora_collection_loader" });
  for (const part of ["unet", "clip", "clip2"]) {
    expect(arrows.filter((arrow) => arrow.startsWith(`model.${part} `))).toEqual([
      `model.${part} -> ll.${part}`,
    ]);
  }
  expect(arrows).toEqual(
    expect.arrayContaining([
      "ll.unet -> denoise.unet",
      "ll.clip -> posc.clip",
      "ll.clip2 -> posc.clip2",
      "ll.clip -> negc.clip",
      "ll.clip2 -> negc.clip2",
    ]),
  );
});

test("sdxl: another VAE replaces the model's own everywhere", () => {
  const arrows = arrowsOf(buildGraph(fullRequestFor("sdxl")));
  expect(arrows).toEqual(expect.arrayContaining(["vl.vae -> out.vae", "vl.vae -> i2l.vae"]));
  expect(arrows.filter((arrow) => arrow.startsWith("model.vae"))).toEqual([]);
});

test("sdxl: the metadata contains what InvokeAI's own UI recalls", () => {
  expect(buildGraph(requestFor("sdxl")).nodes.meta).toMatchObject({
    generation_mode: "sdxl_txt2img",
    width: 1024,
    height: 1024,
    steps: 20,
    cfg_scale: 7,
    scheduler: "euler",
    rand_device: "cpu",
    model: partOf("sdxl", "main", "Main of sdxl"),
    loras: [],
  });
  const { meta } = buildGraph(fullRequestFor("sdxl")).nodes;
  expect(meta).toMatchObject({
    generation_mode: "sdxl_img2img",
    strength: 0.75,
    init_image: "src.png",
    vae: partOf("sdxl", "vae", "clear"),
    loras: [
      { model: partOf("sdxl", "lora", "ink"), weight: 0.5 },
      { model: partOf("sdxl", "lora", "grain"), weight: -1 },
    ],
  });
  expect(meta).not.toHaveProperty("clip_skip");
});
