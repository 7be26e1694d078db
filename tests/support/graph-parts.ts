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

/** Bases with a noise node, compel prompts and a VAE of their own nodes. */
export const isUnet = (base: string): boolean => ["sd-1", "sd-2", "sdxl"].includes(base);
export const takesNegative = (base: string): boolean => !base.startsWith("flux");
/** Of the folders that hold every part, these take another VAE; the others take none. */
export const takesVae = (base: string): boolean => !["cogview4", "z-image"].includes(base);
export const takesLoras = (base: string): boolean => !["cogview4", "sd-3"].includes(base);

const variants: Record<string, string | null> = {
  flux: "dev",
  flux2: "klein_4b",
  "z-image": "turbo",
  "qwen-image": "generate",
  "sd-3": null,
  cogview4: null,
};
export const variantOf = (base: string): string | null => variants[base] ?? null;

const sizes: Record<string, number> = { "sd-1": 512, "sd-2": 768 };

/** A complete text-to-image request for a base. */
export function requestFor(base: string, overrides: Partial<GraphRequest> = {}): GraphRequest {
  const side = sizes[base] ?? 1024;
  const flux: Partial<GraphRequest> = {
    cfgScale: 1,
    guidance: 3.5,
    vae: partOf("flux", "vae", "flux VAE"),
    encoders: {
      t5: partOf("any", "t5_encoder", "T5"),
      clip: partOf("any", "clip_embed", "CLIP-L"),
    },
  };
  const variant = isUnet(base) ? "normal" : variantOf(base);
  return graphRequest(mainOf(base, variant), {
    width: side,
    height: side,
    steps: 20,
    ...(base === "flux" ? flux : {}),
    ...(base === "flux2" && { cfgScale: 1 }),
    ...overrides,
  });
}

/** A request with everything that the base supports: a source to resize, another VAE, two LoRAs, skipped layers. */
export function fullRequestFor(base: string): GraphRequest {
  const source = { imageName: "src.png", width: 600, height: 512, strength: 0.75 };
  const hasClipSkip = base === "sd-1" || base === "sd-2";
  return requestFor(base, {
    source,
    ...(takesVae(base) && { vae: partOf(base, "vae", "clear") }),
    ...(takesLoras(base) && {
      loras: [
        { model: partOf(base, "lora", "ink"), weight: 0.5 },
        { model: partOf(base, "lora", "grain"), weight: -1 },
      ],
    }),
    ...(hasClipSkip && { clipSkip: 2 }),
    ...(takesNegative(base) && { negativePrompt: "blurred" }),
  });
}

/** A graph's edges as `model.unet -> denoise.unet`. */
export const arrowsOf = (graph: Graph): string[] =>
  graph.edges.map(
    ({ source: from, destination: to }) =>
      `${from.node_id}.${from.field} -> ${to.node_id}.${to.field}`,
  );
