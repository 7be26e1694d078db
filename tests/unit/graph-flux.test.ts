import { expect, test } from "bun:test";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { arrowsOf, fullRequestFor, mainOf, partOf, requestFor } from "#tests/support/graph-parts";

const t5 = partOf("any", "t5_encoder", "a T5 text encoder");
const clip = partOf("any", "clip_embed", "a CLIP text encoder (CLIP-L)");

test("flux: text to image has the nodes and edges of InvokeAI's own UI", () => {
  const graph = buildGraph(requestFor("flux"));
  expect(arrowsOf(graph).toSorted()).toEqual(
    [
      "model.clip -> posc.clip",
      "model.t5_encoder -> posc.t5_encoder",
      "model.max_seq_len -> posc.t5_max_seq_len",
      "pos.value -> posc.prompt",
      "posc.conditioning -> denoise.positive_text_conditioning",
      "model.transformer -> denoise.transformer",
      "model.vae -> denoise.controlnet_vae",
      "model.vae -> out.vae",
      "seed.value -> denoise.seed",
      "denoise.latents -> out.latents",
      "meta.metadata -> out.metadata",
      "seed.value -> meta.seed",
      "pos.value -> meta.positive_prompt",
    ].toSorted(),
  );
  expect(graph.nodes).toMatchObject({
    model: {
      type: "flux_model_loader",
      model: partOf("flux", "main", "Main of flux"),
      t5_encoder_model: t5,
      clip_embed_model: clip,
      vae_model: partOf("flux", "vae", "a VAE for flux"),
    },
    denoise: {
      type: "flux_denoise",
      num_steps: 20,
      guidance: 3.5,
      cfg_scale: 1,
      scheduler: "euler",
      width: 1024,
      height: 1024,
      denoising_start: 0,
      denoising_end: 1,
    },
    out: { type: "flux_vae_decode" },
  });
  // The server silently drops unknown fields.
  expect(graph.nodes.denoise).not.toHaveProperty("steps");
  expect(graph.nodes.noise).toBeUndefined();
  expect(graph.nodes.neg).toBeUndefined();
});

test("flux: denoising starts at 1 minus the fifth root of strength, as in InvokeAI's own UI", () => {
  const startAt = (strength: number) => {
    const source = { imageName: "src.png", width: 1024, height: 1024, strength };
    return buildGraph(requestFor("flux", { source })).nodes.denoise?.denoising_start;
  };
  expect(startAt(0)).toBe(1);
  expect(startAt(0.75)).toBeCloseTo(1 - 0.75 ** 0.2, 10);
  expect(startAt(1)).toBe(0);
});

test("flux: the source is encoded by the same VAE that decodes the image", () => {
  const graph = buildGraph(fullRequestFor("flux"));
  expect(graph.nodes.i2l).toMatchObject({ type: "flux_vae_encode" });
  expect(arrowsOf(graph)).toContain("model.vae -> i2l.vae");
  expect(graph.nodes.model).toMatchObject({ vae_model: partOf("flux", "vae", "clear") });
});

test("flux: LoRAs are inserted between the model and all its consumers, including both encoders", () => {
  const graph = buildGraph(fullRequestFor("flux"));
  expect(graph.nodes.ll).toMatchObject({ type: "flux_lora_collection_loader" });
  expect(arrowsOf(graph)).toEqual(
    expect.arrayContaining([
      "model.transformer -> ll.transformer",
      "model.clip -> ll.clip",
      "model.t5_encoder -> ll.t5_encoder",
      "ll.transformer -> denoise.transformer",
      "ll.clip -> posc.clip",
      "ll.t5_encoder -> posc.t5_encoder",
    ]),
  );
  expect(arrowsOf(graph)).not.toContain("model.transformer -> denoise.transformer");
});

test("flux: schnell has no guidance", () => {
  const model = mainOf("flux", "schnell");
  const { nodes } = buildGraph(requestFor("flux", { model, guidance: null, steps: 4 }));
  expect(nodes.denoise).not.toHaveProperty("guidance");
  expect(nodes.meta).not.toHaveProperty("guidance");
  expect(() => buildGraph(requestFor("flux", { model, guidance: 4 }))).toThrow("guidance");
});

test("flux: without encoders or VAE the request is refused, with the needed models", () => {
  for (const overrides of [{ companions: {} }, { vae: null }]) {
    expect(() => buildGraph(requestFor("flux", overrides))).toThrow(
      "Choose beside the model a T5 text encoder and a CLIP text encoder (CLIP-L) and a VAE for flux",
    );
  }
});

test("flux: the metadata contains what InvokeAI's own UI recalls", () => {
  expect(buildGraph(requestFor("flux")).nodes.meta).toMatchObject({
    generation_mode: "flux_txt2img",
    guidance: 3.5,
    steps: 20,
    scheduler: "euler",
    model: partOf("flux", "main", "Main of flux"),
    vae: partOf("flux", "vae", "a VAE for flux"),
    t5_encoder: t5,
    clip_embed_model: clip,
  });
  const { meta } = buildGraph(fullRequestFor("flux")).nodes;
  expect(meta).toMatchObject({ generation_mode: "flux_img2img", strength: 0.75 });
  for (const foreign of ["cfg_scale", "clip_skip", "negative_prompt"]) {
    expect(meta).not.toHaveProperty(foreign);
  }
});
