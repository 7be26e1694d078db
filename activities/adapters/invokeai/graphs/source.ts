import type { GraphBuilder, Literal } from "./graph";
import type { GraphRequest } from "./request";

/**
 * Adds the source, if there is one, as latents of the exact size: with noise of another size, denoising would fail.
 */
export function addSource(
  graph: GraphBuilder,
  { source, width, height }: GraphRequest,
  encoder: { type: string; literals?: Record<string, Literal>; vae: string },
): void {
  if (!source) return;
  const { type, literals = {} } = encoder;
  const image = { image_name: source.imageName };
  if (source.width === width && source.height === height) {
    graph.node("i2l", type, { image, ...literals });
  } else {
    graph.node("rin", "img_resize", { image, width, height, resample_mode: "lanczos" });
    graph.node("i2l", type, literals);
    graph.connect("rin.image", "i2l.image");
  }
  graph.connect(encoder.vae, "i2l.vae");
  graph.connect("i2l.latents", "denoise.latents");
}
