type Value = string | number | boolean | object | null;
type EditorNode = { id: string; type: string; data: Record<string, unknown> };

let edges = 0;

/** A node as the editor saves it. */
function node(
  id: string,
  type: string,
  inputs: Record<string, Value> = {},
  more: { label?: string; isIntermediate?: boolean; labels?: Record<string, string> } = {},
): EditorNode {
  const names = new Set([...Object.keys(inputs), ...Object.keys(more.labels ?? {})]);
  return {
    id,
    type: "invocation",
    data: {
      id,
      type,
      version: "1.0.0",
      nodePack: "invokeai",
      label: more.label ?? "",
      notes: "",
      isOpen: true,
      isIntermediate: more.isIntermediate ?? true,
      useCache: true,
      inputs: Object.fromEntries(
        [...names].map((name) => [
          name,
          {
            name,
            label: more.labels?.[name] ?? "",
            ...(name in inputs && { value: inputs[name] }),
          },
        ]),
      ),
    },
  };
}

/** `a.b → c.d`, as the editor saves it. */
function edge(path: string) {
  const [from = "", to = ""] = path.split(" → ");
  const [source = "", sourceHandle = ""] = from.split(".");
  const [target = "", targetHandle = ""] = to.split(".");
  const id = `edge-${(edges += 1)}`;
  return { id, type: "default", source, sourceHandle, target, targetHandle };
}

function workflow(fields: {
  id: string;
  name: string;
  description: string;
  nodes: EditorNode[];
  edges: string[];
  exposed: string[];
}) {
  return {
    id: fields.id,
    name: fields.name,
    author: "",
    description: fields.description,
    version: "1.0.0",
    contact: "",
    tags: "sd-1",
    notes: "",
    meta: { category: "default", version: "3.0.0" },
    exposedFields: fields.exposed.map((path) => {
      const [nodeId = "", fieldName = ""] = path.split(".");
      return { nodeId, fieldName };
    }),
    nodes: fields.nodes,
    edges: fields.edges.map(edge),
  };
}

/** A model of the server on which the workflow was made. */
const elsewhere = {
  key: "key-of-another-server",
  hash: "blake3:of-another-server",
  name: "Dreamy of another server",
  base: "sd-1",
  type: "main",
};

const textToImage: EditorNode[] = [
  node("loader", "main_model_loader", { model: elsewhere }),
  node("random", "rand_int", { low: 0, high: 2_147_483_647 }, { label: "Random Seed" }),
  node("positive", "compel", { prompt: "a quiet harbour" }, { label: "Positive Prompt" }),
  node("negative", "compel", { prompt: "" }, { label: "Negative Prompt" }),
  node("noise", "noise", { width: 512, height: 512, use_cpu: true }),
  node("denoise", "denoise_latents", {
    steps: 4,
    cfg_scale: 7.5,
    scheduler: "euler",
    denoising_start: 0,
    denoising_end: 1,
  }),
];

const textToImageEdges = [
  "loader.clip → positive.clip",
  "loader.clip → negative.clip",
  "loader.unet → denoise.unet",
  "random.value → noise.seed",
  "positive.conditioning → denoise.positive_conditioning",
  "negative.conditioning → denoise.negative_conditioning",
  "noise.noise → denoise.noise",
];

/** The workflows of the simulated library. */
export const libraryWorkflows = [
  workflow({
    id: "default_text-to-image",
    name: "Text to Image",
    description: "One picture from a prompt.",
    nodes: [...textToImage, node("save", "l2i", { fp32: true }, { isIntermediate: false })],
    edges: [...textToImageEdges, "denoise.latents → save.latents", "loader.vae → save.vae"],
    exposed: [
      "loader.model",
      "positive.prompt",
      "negative.prompt",
      "noise.width",
      "noise.height",
      "denoise.steps",
    ],
  }),
  workflow({
    id: "default_two-looks",
    name: "Two Looks",
    description: "A picture, and the same out of focus.",
    nodes: [
      ...textToImage,
      node("decode", "l2i", { fp32: true }),
      node("sharp", "save_image", {}, { isIntermediate: false, label: "Sharp" }),
      node("soft", "img_blur", { radius: 4 }, { isIntermediate: false, label: "Soft" }),
    ],
    edges: [
      ...textToImageEdges,
      "denoise.latents → decode.latents",
      "loader.vae → decode.vae",
      "decode.image → sharp.image",
      "decode.image → soft.image",
    ],
    exposed: ["loader.model", "positive.prompt", "soft.radius"],
  }),
  workflow({
    id: "default_row",
    name: "Row",
    description: "As many pictures as its range has numbers.",
    nodes: [
      ...textToImage,
      node("range", "range", { start: 0, stop: 3, step: 1 }, { label: "Row" }),
      node("each", "iterate"),
      node("sum", "add"),
      node("save", "l2i", { fp32: true }, { isIntermediate: false }),
    ],
    edges: [
      ...textToImageEdges.filter((path) => path !== "random.value → noise.seed"),
      "range.collection → each.collection",
      "each.item → sum.a",
      "random.value → sum.b",
      "sum.value → noise.seed",
      "denoise.latents → save.latents",
      "loader.vae → save.vae",
    ],
    exposed: ["loader.model", "positive.prompt", "range.stop"],
  }),
  workflow({
    id: "default_soften",
    name: "Soften",
    description: "A photo out of focus; it draws nothing.",
    nodes: [
      node("photo", "image", {}, { label: "Photo", labels: { image: "Photo to soften" } }),
      node("soft", "img_blur", { radius: 4 }, { isIntermediate: false }),
    ],
    edges: ["photo.image → soft.image"],
    exposed: ["photo.image", "soft.radius"],
  }),
  workflow({
    id: "default_in-turn",
    name: "In Turn",
    description: "Two prompts, each with its steps, at two strengths of guidance.",
    nodes: [
      ...textToImage,
      node("prompts", "string_batch", {
        batch_group_id: "Group 1",
        strings: ["a red boat", "a grey boat"],
      }),
      node("counts", "integer_generator", {
        generator: {
          type: "integer_generator_arithmetic_sequence",
          start: 2,
          step: 1,
          count: 2,
        },
      }),
      node("steps", "integer_batch", { batch_group_id: "Group 1" }),
      node("guidance", "float_batch", { batch_group_id: "None", floats: [3, 7.5] }),
      node("save", "l2i", { fp32: true }, { isIntermediate: false }),
    ],
    edges: [
      ...textToImageEdges,
      "prompts.value → positive.prompt",
      "counts.integers → steps.integers",
      "steps.value → denoise.steps",
      "guidance.value → denoise.cfg_scale",
      "denoise.latents → save.latents",
      "loader.vae → save.vae",
    ],
    exposed: [
      "loader.model",
      "noise.width",
      "noise.height",
      "prompts.strings",
      "counts.generator",
      "guidance.batch_group_id",
    ],
  }),
  workflow({
    id: "default_prompts-from-file",
    name: "Prompts from File",
    description: "Reads a file of InvokeAI's machine.",
    nodes: [
      ...textToImage,
      node("file", "prompt_from_file", { file_path: "/etc/hostname" }, { label: "My prompts" }),
      node("each", "iterate"),
      node("save", "l2i", { fp32: true }, { isIntermediate: false }),
    ],
    edges: [
      ...textToImageEdges,
      "file.collection → each.collection",
      "each.item → positive.prompt",
      "denoise.latents → save.latents",
      "loader.vae → save.vae",
    ],
    exposed: ["loader.model"],
  }),
];
