import { clipVisionOf, preprocessors } from "#generation-references";
import { type GraphBuilder, identify, type Literal } from "./graph";
import type { GraphReference, GraphRequest } from "./request";

/** The node that takes the uploaded picture of a reference, by its place in the request. */
export const referenceNode = (at: number): string => `ref${at}`;

/** The role of its picture among those of a graph. */
export const referencePicture = (at: number): string => `reference${at}`;

/** An output that conditions the image, and the input for it. `isOnly`: the input takes one, not a list. */
type Condition = { node: string; output: string; into: string; isOnly?: true };

/** Adds the references, each to the input of its kind; an input gets several in the order of the request. */
export function addReferences(graph: GraphBuilder, request: GraphRequest): void {
  const conditions = request.references.map((reference, at) =>
    addReference(graph, request, reference, referenceNode(at)),
  );
  for (const [into, ofKind] of Map.groupBy(conditions, (condition) => condition.into)) {
    if (ofKind.some(({ isOnly }) => isOnly)) connectAll(graph, ofKind);
    else collectInto(graph, ofKind, into);
  }
}

function connectAll(graph: GraphBuilder, conditions: readonly Condition[]): void {
  for (const { node, output, into } of conditions) graph.connect(`${node}.${output}`, into);
}

/** A `collect` node for each: one node for several has no order. */
function collectInto(graph: GraphBuilder, conditions: readonly Condition[], into: string): void {
  let last: string | undefined;
  for (const { node, output } of conditions) {
    const list = `${node}c`;
    graph.node(list, "collect");
    graph.connect(`${node}.${output}`, `${list}.item`);
    if (last !== undefined) graph.connect(`${last}.collection`, `${list}.collection`);
    last = list;
  }
  graph.connect(`${last}.collection`, into);
}

function addReference(
  graph: GraphBuilder,
  request: GraphRequest,
  reference: GraphReference,
  node: string,
): Condition {
  const { base } = request.model;
  if (reference.adapter !== null) return addAdapted(graph, base, reference, node);
  if (base === "qwen-image") return addQwenEdit(graph, request, reference, node);
  return addKontext(graph, base, reference, node);
}

/** FLUX.1's is scaled to one of the sizes that the model was trained with; FLUX.2 does that itself. */
function addKontext(
  graph: GraphBuilder,
  base: string,
  { imageName }: GraphReference,
  node: string,
): Condition {
  const image = { image_name: imageName };
  const condition = { output: "kontext_cond", into: "denoise.kontext_conditioning" };
  if (base === "flux2") {
    graph.node(node, "flux_kontext", { image });
    return { node, ...condition };
  }
  graph.node(node, "flux_kontext_image_prep", { images: [image] });
  graph.node(`${node}k`, "flux_kontext");
  graph.connect(`${node}.image`, `${node}k.image`);
  return { node: `${node}k`, ...condition };
}

/** The text encoder sees all pictures, the sampler only the first. */
function addQwenEdit(
  graph: GraphBuilder,
  { references }: GraphRequest,
  reference: GraphReference,
  node: string,
): Condition {
  graph.node(node, "image", { image: { image_name: reference.imageName } });
  if (references[0] === reference) {
    graph.node(`${node}e`, "qwen_image_i2l", qwenSizeOf(reference.size));
    graph.connect(`${node}.image`, `${node}e.image`);
    graph.connect("model.vae", `${node}e.vae`);
    graph.connect(`${node}e.latents`, "denoise.reference_latents");
  }
  return { node, output: "image", into: "posc.reference_images" };
}

/** The area with which the model was trained, in the picture's proportions; without a size the picture's own is used. */
function qwenSizeOf(size: GraphReference["size"]): Record<string, Literal> {
  if (size === null) return {};
  const ratio = size.width / size.height;
  const width = Math.sqrt(1024 * 1024 * ratio);
  const onGrid = (side: number) => Math.max(32, Math.round(side / 32) * 32);
  return { width: onGrid(width), height: onGrid(width / ratio) };
}

function addAdapted(
  graph: GraphBuilder,
  base: string,
  reference: GraphReference,
  node: string,
): Condition {
  const { type, literals, ...condition } = adapterOf(base, reference);
  const image = { image_name: reference.imageName };
  if (reference.preprocessor === undefined) {
    graph.node(node, type, { image, ...literals });
    return { node, ...condition };
  }
  graph.node(node, preprocessors[reference.preprocessor].node, { image });
  graph.node(`${node}a`, type, literals);
  graph.connect(`${node}.image`, `${node}a.image`);
  return { node: `${node}a`, ...condition };
}

type AdapterNode = Omit<Condition, "node"> & {
  type: string;
  literals: Record<string, Literal>;
};

function adapterOf(base: string, reference: GraphReference): AdapterNode {
  const { role, weight = 1, begin = 0, end = 1 } = reference;
  const adapter = reference.adapter!;
  const model = identify(adapter);
  const range = { begin_step_percent: begin, end_step_percent: end };
  if (adapter.type === "flux_redux") {
    return {
      type: "flux_redux",
      literals: { redux_model: model, downsampling_factor: 1, weight },
      output: "redux_cond",
      into: "denoise.redux_conditioning",
    };
  }
  if (adapter.type === "control_lora") {
    return {
      type: "flux_control_lora_loader",
      literals: { lora: model, weight },
      output: "control_lora",
      into: "denoise.control_lora",
      isOnly: true,
    };
  }
  if (adapter.type === "ip_adapter") {
    const isFlux = base === "flux";
    return {
      type: isFlux ? "flux_ip_adapter" : "ip_adapter",
      literals: {
        ip_adapter_model: model,
        // A folder's own counts in its place.
        clip_vision_model: clipVisionOf(adapter),
        weight,
        // FLUX's has no parts for style and composition.
        ...(!isFlux && { method: role }),
        ...range,
      },
      output: "ip_adapter",
      into: "denoise.ip_adapter",
    };
  }
  if (adapter.type === "t2i_adapter") {
    return {
      type: "t2i_adapter",
      literals: { t2i_adapter_model: model, weight, resize_mode: "just_resize", ...range },
      output: "t2i_adapter",
      into: "denoise.t2i_adapter",
    };
  }
  return {
    ...controlNetOf(base, { model, weight, range }),
    output: "control",
    into: "denoise.control",
    ...(base === "z-image" && { isOnly: true }),
  };
}

function controlNetOf(
  base: string,
  { model, weight, range }: { model: Literal; weight: number; range: Record<string, Literal> },
): Pick<AdapterNode, "type" | "literals"> {
  if (base === "z-image") {
    const literals = { control_model: model, control_context_scale: weight, ...range };
    return { type: "z_image_control", literals };
  }
  const shared = {
    control_model: model,
    control_weight: weight,
    resize_mode: "just_resize",
    ...range,
  };
  if (base === "flux") return { type: "flux_controlnet", literals: shared };
  return { type: "controlnet", literals: { ...shared, control_mode: "balanced" } };
}
