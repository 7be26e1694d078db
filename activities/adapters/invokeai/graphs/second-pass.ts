import { hiresSize } from "#generation-parameters";
import { type GraphBuilder, secondPassNode, seedNode } from "./graph";
import type { GraphRequest } from "./request";

/** Inputs of the sampler that have the size of the picture. */
const sized: ReadonlySet<string> = new Set(["noise", "latents", "denoise_mask"]);

/**
 * Adds a sampler that draws the result of `denoise` again, larger, with the same inputs. The latents are stretched, not the
 * decoded picture: encoding adds noise without a seed, and the image could not be made again.
 * @returns the output with the larger latents
 */
export function addSecondPass(
  graph: GraphBuilder,
  { width, height, steps, cfgScale, scheduler }: GraphRequest,
  { scale, strength }: NonNullable<GraphRequest["hires"]>,
): string {
  const size = hiresSize({ width, height }, scale);
  graph.node("large", "lresize", { ...size, mode: "bicubic" });
  graph.connect("denoise.latents", "large.latents");
  graph.node("lnoise", "noise", { ...size, use_cpu: true });
  graph.connect(`${seedNode}.value`, "lnoise.seed");
  graph.node(secondPassNode, "denoise_latents", {
    steps,
    cfg_scale: cfgScale,
    cfg_rescale_multiplier: 0,
    scheduler,
    denoising_start: 1 - strength,
    denoising_end: 1,
  });
  for (const [input, source] of graph.inputsOf("denoise")) {
    if (!sized.has(input)) graph.connect(source, `${secondPassNode}.${input}`);
  }
  graph.connect("large.latents", `${secondPassNode}.latents`);
  graph.connect("lnoise.noise", `${secondPassNode}.noise`);
  return `${secondPassNode}.latents`;
}
