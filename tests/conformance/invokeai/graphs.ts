import type { Model } from "./target.ts";

type Fields = Record<string, unknown>;
export type TestGraph = {
  id: string;
  nodes: Record<string, Fields>;
  edges: { source: End; destination: End }[];
};
type End = { node_id: string; field: string };

/** A graph from nodes (type and fields) and edges such as `seed.value > noise.seed`. */
export function graph(nodes: Record<string, Fields>, arrows: string[]): TestGraph {
  return {
    id: "g",
    nodes: Object.fromEntries(
      Object.entries(nodes).map(([id, fields]) => [id, { is_intermediate: true, ...fields, id }]),
    ),
    edges: arrows.map((arrow) => {
      const [source, destination] = arrow.split(" > ").map(parseEnd);
      if (source === undefined || destination === undefined) throw new Error(`No edge: ${arrow}`);
      return { source, destination };
    }),
  };
}

function parseEnd(text: string): End {
  const [node_id = "", field = ""] = text.split(".");
  return { node_id, field };
}

/** A picture of one colour, without a model. */
export function blankGraph(fields: Fields = {}): TestGraph {
  return graph(
    {
      out: {
        type: "blank_image",
        width: 64,
        height: 64,
        color: { r: 200, g: 30, b: 30, a: 255 },
        is_intermediate: false,
        use_cache: false,
        ...fields,
      },
    },
    [],
  );
}

/** A blank picture and an unused integer: the cheapest batch with seeds. */
export function seededBlankGraph(): TestGraph {
  const { nodes, edges } = blankGraph();
  const seed = { id: "seed", type: "integer", value: 0, is_intermediate: true };
  return { id: "g", nodes: { ...nodes, seed }, edges };
}

/** The values of one field, one for each item. */
export function dataOf(node: string, field: string, items: unknown[]): Fields {
  return { node_path: node, field_name: field, items };
}

export type TextToImage = {
  prompt?: string;
  width?: number;
  height?: number;
  steps?: number;
  denoise?: Fields;
  meta?: Fields;
};

const sd1Arrows = [
  "model.unet > denoise.unet",
  "model.clip > skip.clip",
  "skip.clip > posc.clip",
  "skip.clip > negc.clip",
  "pos.value > posc.prompt",
  "neg.value > negc.prompt",
  "posc.conditioning > denoise.positive_conditioning",
  "negc.conditioning > denoise.negative_conditioning",
  "seed.value > noise.seed",
  "noise.noise > denoise.noise",
  "denoise.latents > out.latents",
  "model.vae > out.vae",
  "meta.metadata > out.metadata",
  "seed.value > meta.seed",
  "pos.value > meta.positive_prompt",
  "neg.value > meta.negative_prompt",
];

/** Stable Diffusion 1, text to image; the seed is in node `seed`, the picture in node `out`. */
export function sd1Graph(model: Model, options: TextToImage = {}): TestGraph {
  const { prompt = "a red boat", width = 64, height = 64, steps = 2, denoise, meta } = options;
  return graph(
    {
      pos: { type: "string", value: prompt },
      neg: { type: "string", value: "" },
      seed: { type: "integer", value: 1 },
      model: { type: "main_model_loader", model },
      skip: { type: "clip_skip", skipped_layers: 0 },
      posc: { type: "compel" },
      negc: { type: "compel" },
      noise: { type: "noise", width, height, use_cpu: true },
      denoise: {
        type: "denoise_latents",
        steps,
        cfg_scale: 7,
        scheduler: "euler",
        denoising_start: 0,
        denoising_end: 1,
        ...denoise,
      },
      out: { type: "l2i", fp32: true, is_intermediate: false, use_cache: false },
      meta: { type: "core_metadata", generation_mode: "txt2img", width, height, steps, ...meta },
    },
    sd1Arrows,
  );
}

/** The same with a source picture, resized to the size of the noise. */
export function sd1ImageGraph(
  model: Model,
  imageName: string,
  strength: number,
  options: TextToImage = {},
): TestGraph {
  const { width = 64, height = 64 } = options;
  const base = sd1Graph(model, { ...options, denoise: { denoising_start: 1 - strength } });
  const more = graph(
    {
      rin: {
        type: "img_resize",
        image: { image_name: imageName },
        width,
        height,
        resample_mode: "lanczos",
      },
      i2l: { type: "i2l", fp32: true },
    },
    ["rin.image > i2l.image", "model.vae > i2l.vae", "i2l.latents > denoise.latents"],
  );
  return join(base, more);
}

/** Inserts a LoRA between loader and consumers. */
export function withLora(base: TestGraph, lora: Model, weight: number): TestGraph {
  const rewired = base.edges.filter(
    ({ source, destination }) =>
      !(source.node_id === "model" && source.field === "unet") &&
      !(source.node_id === "skip" && ["posc", "negc"].includes(destination.node_id)),
  );
  const more = graph(
    {
      pick: { type: "lora_selector", lora, weight },
      lc: { type: "collect" },
      ll: { type: "lora_collection_loader" },
    },
    [
      "pick.lora > lc.item",
      "lc.collection > ll.loras",
      "model.unet > ll.unet",
      "skip.clip > ll.clip",
      "ll.unet > denoise.unet",
      "ll.clip > posc.clip",
      "ll.clip > negc.clip",
    ],
  );
  return join({ ...base, edges: rewired }, more);
}

/** Decodes with another VAE. */
export function withVae(base: TestGraph, vae: Model): TestGraph {
  const kept = base.edges.filter(({ source }) => source.field !== "vae");
  const more = graph({ vl: { type: "vae_loader", vae_model: vae } }, ["vl.vae > out.vae"]);
  return join({ ...base, edges: kept }, more);
}

/** Stable Diffusion XL, text to image. */
export function sdxlGraph(model: Model): TestGraph {
  return graph(
    {
      pos: { type: "string", value: "a red boat" },
      neg: { type: "string", value: "" },
      seed: { type: "integer", value: 1 },
      model: { type: "sdxl_model_loader", model },
      posc: { type: "sdxl_compel_prompt" },
      negc: { type: "sdxl_compel_prompt" },
      noise: { type: "noise", width: 64, height: 64, use_cpu: true },
      denoise: { type: "denoise_latents", steps: 2, cfg_scale: 5, scheduler: "euler" },
      out: { type: "l2i", fp32: true, is_intermediate: false, use_cache: false },
      meta: { type: "core_metadata", generation_mode: "sdxl_txt2img" },
    },
    [
      "model.unet > denoise.unet",
      ...["posc", "negc"].flatMap((node) => [
        `model.clip > ${node}.clip`,
        `model.clip2 > ${node}.clip2`,
        `${node.slice(0, 3)}.value > ${node}.prompt`,
        `${node.slice(0, 3)}.value > ${node}.style`,
      ]),
      ...sd1Arrows.slice(6),
    ],
  );
}

function join(a: TestGraph, b: TestGraph): TestGraph {
  return { id: a.id, nodes: { ...a.nodes, ...b.nodes }, edges: [...a.edges, ...b.edges] };
}
