import type { MaskFill } from "#generation-parameters";
import { type GraphBuilder, type Literal, outputNode, seedNode } from "./graph";
import type { GraphRequest, PaintedPart } from "./request";

/** How far beyond the mask the sampler paints for a smooth transition, in pixels; the blend hides it again. */
const edgeRadius = 16;

/**
 * Adds the source, if there is one, as latents of the exact size: with noise of another size, denoising would fail. If
 * only a part of it is painted, its mask too.
 * @param encoder.unet of bases whose models for inpainting encode the masked source
 */
export function addSource(
  graph: GraphBuilder,
  { source, width, height }: GraphRequest,
  encoder: { type: string; literals?: Record<string, Literal>; vae: string; unet?: string },
): void {
  if (!source) return;
  const { type, literals = {} } = encoder;
  const image = { image_name: source.imageName };
  const filled = source.part && addFill(graph, source.part, image);
  if (filled !== undefined) {
    graph.node("i2l", type, literals);
    graph.connect(filled, "i2l.image");
  } else if (source.width === width && source.height === height) {
    graph.node("i2l", type, { image, ...literals });
  } else {
    graph.node("rin", "img_resize", { image, width, height, resample_mode: "lanczos" });
    graph.node("i2l", type, literals);
    graph.connect("rin.image", "i2l.image");
  }
  graph.connect(encoder.vae, "i2l.vae");
  graph.connect("i2l.latents", "denoise.latents");
  if (source.part) addMask(graph, source.part, { image, filled, ...encoder });
}

/** Adds the source of FLUX Fill, which `checkRequest` has made sure of: the sampler takes picture and mask as they are. */
export function addFillConditioning(graph: GraphBuilder, { source }: GraphRequest): void {
  if (!source?.part) return;
  // Everything that the blend can show is painted, also where the mask is grey.
  graph.node("fmask", "image_mask_to_tensor", {
    image: { image_name: source.part.mask },
    cutoff: 255,
  });
  graph.node("fill", "flux_fill", { image: { image_name: source.imageName } });
  graph.connect("fmask.mask", "fill.mask");
  graph.connect("fill.fill_cond", "denoise.fill_conditioning");
}

/**
 * Adds the node for the decoded picture. If only a part is painted, the result is blended onto the rest with the mask of
 * the request: decoding changes every pixel, and InvokeAI's own mask for pasting reaches beyond the given one.
 */
export function addOutput(
  graph: GraphBuilder,
  { source, width, height }: GraphRequest,
  decoder: { type: string; literals?: Record<string, Literal>; vae: string; latents?: string },
): void {
  const part = source?.part;
  const decoded = part ? "dec" : outputNode;
  if (part) graph.node(decoded, decoder.type, decoder.literals);
  else graph.output(decoder.type, decoder.literals);
  graph.connect(decoder.latents ?? "denoise.latents", `${decoded}.latents`);
  graph.connect(decoder.vae, `${decoded}.vae`);
  if (part) addBlend(graph, part, { width, height });
}

const infills: Partial<Record<MaskFill, [type: string, literals: Record<string, Literal>]>> = {
  cv2: ["infill_cv2", {}],
  tile: ["infill_tile", { tile_size: 32, seed: 0 }],
  patchmatch: ["infill_patchmatch", { downscale: 1, resample_mode: "bicubic" }],
  lama: ["infill_lama", {}],
};

/** Returns the output with the filled source; undefined when nothing has to be filled. */
function addFill(
  graph: GraphBuilder,
  { fill, mask, isExpanded }: PaintedPart,
  image: { image_name: string },
): string | undefined {
  if (fill === "noise") {
    const noise = { noise_type: "gaussian", amount: 1, noise_color: true, size: 1 };
    graph.node("fill", "img_noise", { image, mask: { image_name: mask }, ...noise });
    graph.connect(`${seedNode}.value`, "fill.seed");
    return "fill.image";
  }
  const infill = infills[fill] ?? (isExpanded ? infills.cv2 : undefined);
  if (!infill) return undefined;
  graph.node("fill", infill[0], { image, ...infill[1] });
  return "fill.image";
}

function addMask(
  graph: GraphBuilder,
  { mask }: PaintedPart,
  from: {
    image: { image_name: string };
    filled: string | undefined;
    vae: string;
    unet?: string;
    literals?: Record<string, Literal>;
  },
): void {
  graph.node("cgm", "create_gradient_mask", {
    mask: { image_name: mask },
    ...(from.filled === undefined && { image: from.image }),
    edge_radius: edgeRadius,
    coherence_mode: "Gaussian Blur",
    minimum_denoise: 0,
    ...from.literals,
  });
  if (from.filled !== undefined) graph.connect(from.filled, "cgm.image");
  graph.connect(from.vae, "cgm.vae");
  if (from.unet !== undefined) graph.connect(from.unet, "cgm.unet");
  graph.connect("cgm.denoise_mask", "denoise.denoise_mask");
}

function addBlend(
  graph: GraphBuilder,
  { base, blend, region, canvas }: PaintedPart,
  work: { width: number; height: number },
): void {
  const { x, y, width, height } = region;
  let painted = "dec.image";
  if (work.width !== width || work.height !== height) {
    graph.node("rout", "img_resize", { width, height, resample_mode: "lanczos" });
    graph.connect(painted, "rout.image");
    painted = "rout.image";
  }
  const layers = { layer_base: { image_name: base }, mask: { image_name: blend } };
  if (canvas === null) {
    graph.output("invokeai_img_blend", layers);
    graph.connect(painted, `${outputNode}.layer_upper`);
    return;
  }
  graph.node("blend", "invokeai_img_blend", layers);
  graph.connect(painted, "blend.layer_upper");
  graph.output("img_paste", { base_image: { image_name: canvas }, x, y });
  graph.connect("blend.image", `${outputNode}.image`);
}
