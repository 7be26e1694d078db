import type { Graph, GraphRequest } from "#activities/adapters/invokeai/graphs/index";
import { graphRequest } from "./graph-request";

/** The five fields of a model that a graph contains. */
export const partOf = (base: string, type: string, name: string) => ({
  key: `key of ${name}`,
  hash: `blake3:${name}`,
  name,
  base,
  type,
});

export const mainOf = (base: string, variant: string | null = "normal") => ({
  ...partOf(base, "main", `Main of ${base}`),
  format: base === "flux" ? "gguf_quantized" : "diffusers",
  variant,
});

const sizes: Record<string, number> = { "sd-1": 512, "sd-2": 768, sdxl: 1024, flux: 1024 };

/** A complete text-to-image request for a base. */
export function requestFor(base: string, overrides: Partial<GraphRequest> = {}): GraphRequest {
  const side = sizes[base] ?? 512;
  const flux: Partial<GraphRequest> = {
    cfgScale: 1,
    guidance: 3.5,
    vae: partOf("flux", "vae", "flux VAE"),
    encoders: {
      t5: partOf("any", "t5_encoder", "T5"),
      clip: partOf("any", "clip_embed", "CLIP-L"),
    },
  };
  return graphRequest(mainOf(base, base === "flux" ? "dev" : "normal"), {
    width: side,
    height: side,
    steps: 20,
    ...(base === "flux" ? flux : {}),
    ...overrides,
  });
}

/** A request with everything that the base supports: a source to resize, another VAE, two LoRAs, skipped layers. */
export function fullRequestFor(base: string): GraphRequest {
  const source = { imageName: "src.png", width: 600, height: 512, strength: 0.75 };
  const hasClipSkip = base === "sd-1" || base === "sd-2";
  return requestFor(base, {
    source,
    vae: partOf(base, "vae", "clear"),
    loras: [
      { model: partOf(base, "lora", "ink"), weight: 0.5 },
      { model: partOf(base, "lora", "grain"), weight: -1 },
    ],
    ...(hasClipSkip && { clipSkip: 2 }),
    ...(base !== "flux" && { negativePrompt: "blurred" }),
  });
}

/** A graph's edges as `model.unet -> denoise.unet`. */
export const arrowsOf = (graph: Graph): string[] =>
  graph.edges.map(
    ({ source: from, destination: to }) =>
      `${from.node_id}.${from.field} -> ${to.node_id}.${to.field}`,
  );
