import type { BatchValues, MainModel, ModelIdentifier } from "../types";
import {
  createGraph,
  type Graph,
  type GraphBuilder,
  identify,
  outputNode,
  seedNode,
} from "./graph";
import { addPrompt } from "./prompt";
import type { EnlargedPicture } from "./upscale";

/** Large tiles have few seams; a smaller picture is one tile. */
const largestTile = 1024;
const largestOverlap = 128;

/** InvokeAI's page calls the first number structure, from −10 to 10; 10 is its 0. */
const structure = 10;
const controls = [
  { weight: structure * 0.0325 + 0.3, begin: 0, end: structure * 0.025 + 0.3 },
  { weight: (structure * 0.0325 + 0.15) * 0.45, begin: structure * 0.025 + 0.3, end: 0.85 },
];

/**
 * Pictures that are enlarged by a model and then painted again in tiles, as InvokeAI's own page does it: a ControlNet keeps
 * what is there, `creativity` says how much is new. The graph of the first, and the values that differ between them.
 */
export function buildRepaintGraph(request: {
  upscaler: ModelIdentifier;
  /** Of sd-1 or SDXL. */
  main: MainModel;
  /** A ControlNet for tiles, of the same base. */
  control: ModelIdentifier;
  pictures: readonly [EnlargedPicture, ...EnlargedPicture[]];
  /** Above 0, up to 1: everything is new. */
  creativity: number;
  steps: number;
  cfgScale: number;
  scheduler: string;
}): { graph: Graph; values: BatchValues[] } {
  const { upscaler, main, control, pictures, creativity } = request;
  const { steps, cfgScale, scheduler } = request;
  const { imageName, scale, prompt } = pictures[0];
  const { width, height, tile, overlap } = tilesOf(pictures[0]);
  const isUniform = pictures.length === 1;
  const graph = createGraph("upscale-repaint");
  graph.node("large", "spandrel_image_to_image_autoscale", {
    image: { image_name: imageName },
    image_to_image_model: identify(upscaler),
    tile_size: 512,
    scale,
    fit_to_multiple_of_8: true,
  });
  graph.node("sharp", "unsharp_mask", { radius: 2, strength: 60 });
  graph.connect("large.image", "sharp.image");
  graph.node("noise", "noise", { width, height, use_cpu: true });
  graph.connect(`${seedNode}.value`, "noise.seed");
  const tiles = { tiled: true, tile_size: tile, fp32: true };
  graph.node("i2l", "i2l", tiles);
  graph.connect("sharp.image", "i2l.image");
  graph.connect("model.vae", "i2l.vae");
  graph.node("denoise", "tiled_multi_diffusion_denoise_latents", {
    tile_height: tile,
    tile_width: tile,
    tile_overlap: overlap,
    steps,
    cfg_scale: cfgScale,
    scheduler,
    denoising_start: (1 - creativity) * 0.998,
    denoising_end: 1,
  });
  addModel(graph, main, prompt);
  graph.connect("noise.noise", "denoise.noise");
  graph.connect("i2l.latents", "denoise.latents");
  graph.node("cc", "collect");
  for (const [at, { weight, begin, end }] of controls.entries()) {
    graph.node(`control${at}`, "controlnet", {
      control_model: identify(control),
      control_weight: weight,
      begin_step_percent: begin,
      end_step_percent: end,
      control_mode: "balanced",
      resize_mode: "just_resize",
    });
    graph.connect("sharp.image", `control${at}.image`);
    graph.connect(`control${at}.control`, "cc.item");
  }
  graph.connect("cc.collection", "denoise.control");
  graph.output("l2i", tiles);
  graph.connect("denoise.latents", "out.latents");
  graph.connect("model.vae", "out.vae");
  graph.node("meta", "core_metadata", {
    width,
    height,
    model: identify(main),
    steps,
    cfg_scale: cfgScale,
    scheduler,
    init_image: imageName,
    upscale_model: identify(upscaler),
    creativity: creativity * 20 - 10,
    structure: structure - 10,
    // Fields that InvokeAI does not know by itself, so that they cannot differ between the items of a batch.
    ...(isUniform && { upscale_scale: scale, tile_size: tile, tile_overlap: overlap }),
  });
  graph.connect(`${seedNode}.value`, "meta.seed");
  graph.connect("pos.value", "meta.positive_prompt");
  graph.connect("neg.value", "meta.negative_prompt");
  graph.connect("meta.metadata", "out.metadata");
  return { graph: graph.build(), values: isUniform ? [] : valuesOf(pictures) };
}

/** The size of the result, in multiples of 8, and of its tiles. */
function tilesOf({ width, height, scale }: EnlargedPicture) {
  const fit = (side: number) => Math.floor(Math.floor(side * scale) / 8) * 8;
  const size = { width: fit(width), height: fit(height) };
  const tile = Math.min(largestTile, size.width, size.height);
  const overlap = Math.min(largestOverlap, Math.floor(tile / 16) * 8);
  return { ...size, tile, overlap };
}

function valuesOf(pictures: readonly EnlargedPicture[]): BatchValues[] {
  const names = pictures.map(({ imageName }) => imageName);
  const tiles = pictures.map(tilesOf);
  const numbers = (part: keyof (typeof tiles)[number], ...fields: [string, string][]) =>
    fields.map(([node, field]) => ({ node, field, values: tiles.map((each) => each[part]) }));
  return [
    { node: "large", field: "image", values: names.map((name) => ({ image_name: name })) },
    { node: "large", field: "scale", values: pictures.map(({ scale }) => scale) },
    { node: "pos", field: "value", values: pictures.map(({ prompt }) => prompt) },
    { node: "meta", field: "init_image", values: names },
    ...numbers("width", ["noise", "width"], ["meta", "width"]),
    ...numbers("height", ["noise", "height"], ["meta", "height"]),
    ...numbers(
      "tile",
      ["i2l", "tile_size"],
      [outputNode, "tile_size"],
      ["denoise", "tile_width"],
      ["denoise", "tile_height"],
    ),
    ...numbers("overlap", ["denoise", "tile_overlap"]),
  ];
}

function addModel(graph: GraphBuilder, main: MainModel, prompt: string): void {
  const isXl = main.base === "sdxl";
  graph.node("model", isXl ? "sdxl_model_loader" : "main_model_loader", { model: identify(main) });
  graph.connect("model.unet", "denoise.unet");
  const encoder = {
    encoder: isXl ? "sdxl_compel_prompt" : "compel",
    inputs: { clip: "model.clip", ...(isXl && { clip2: "model.clip2" }) },
    texts: isXl ? ["prompt", "style"] : ["prompt"],
  };
  addPrompt(graph, { name: "pos", text: prompt, into: "positive_conditioning", ...encoder });
  addPrompt(graph, { name: "neg", text: "", into: "negative_conditioning", ...encoder });
}
