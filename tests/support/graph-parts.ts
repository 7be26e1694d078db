import { factsOf } from "#activities/adapters/invokeai/bases";
import {
  type Graph,
  type GraphRequest,
  type PaintedPart,
  supportedBases,
} from "#activities/adapters/invokeai/graphs/index";
import type { MainModel } from "#activities/adapters/invokeai/types";
import type { NeededModel } from "#generation-parameters";
import { graphRequest } from "./graph-request";

/** The five fields of a model that a graph contains. */
export const partOf = (base: string, type: string, name: string) => ({
  key: `key of ${name}`,
  hash: `blake3:${name}`,
  name,
  base,
  type,
});

/** A main model as its base usually has it: FLUX and Anima as a single file, the others as a folder. */
export const mainOf = (
  base: string,
  variant: string | null = variantOf(base),
  format = { flux: "gguf_quantized", anima: "checkpoint" }[base] ?? "diffusers",
): MainModel => ({
  ...partOf(base, "main", `Main of ${base}`),
  format,
  variant,
});

/** Bases with a noise node, compel prompts and a VAE of their own nodes. */
export const isUnet = (base: string): boolean => ["sd-1", "sd-2", "sdxl"].includes(base);

const factsOfMain = (model: MainModel) => {
  const facts = factsOf(model);
  if (!facts) throw new Error(`nothing is known of ${model.base}`);
  return facts;
};
const acceptsOf = (base: string) => factsOfMain(mainOf(base)).accepts;
export const takesNegative = (base: string): boolean => acceptsOf(base).negativePrompt;
export const takesVae = (base: string): boolean => acceptsOf(base).vaeBases.length > 0;
export const takesLoras = (base: string): boolean => acceptsOf(base).loras;
export const takesSource = (model: MainModel): boolean => factsOfMain(model).accepts.imageToImage;

const variants: Record<string, string | null> = {
  flux: "dev",
  flux2: "klein_4b",
  "z-image": "turbo",
  "qwen-image": "generate",
  "krea-2": "krea2_turbo",
  wan: "t2v_a14b",
};
export const variantOf = (base: string): string | null =>
  isUnet(base) ? "normal" : (variants[base] ?? null);

/** A model of each kind that graphs differ for, by a title. */
export const everyMain: readonly [title: string, model: MainModel][] = [
  ...supportedBases.map((base): [string, MainModel] => [base, mainOf(base)]),
  ["flux schnell", mainOf("flux", "schnell")],
  ["sd-1 inpaint", mainOf("sd-1", "inpaint")],
  ["sdxl inpaint", mainOf("sdxl", "inpaint")],
  ["flux kontext", { ...mainOf("flux"), name: "Kontext dev" }],
  ["flux2 klein_9b in a single file", mainOf("flux2", "klein_9b", "gguf_quantized")],
  ["flux2 dev", mainOf("flux2", "dev")],
  ["flux2 dev in a single file", mainOf("flux2", "dev", "gguf_quantized")],
  ["z-image in a single file", mainOf("z-image", "turbo", "gguf_quantized")],
  ["qwen-image edit", mainOf("qwen-image", "edit")],
  ["qwen-image in a single file", mainOf("qwen-image", "generate", "gguf_quantized")],
  ["krea-2 in a single file", mainOf("krea-2", "krea2_base", "gguf_quantized")],
];

/** A part of a picture to paint, with uploads for each of its pictures. */
export const paintedPart: PaintedPart = {
  isExpanded: false,
  mask: "mask.png",
  fill: "source",
  base: "base.png",
  blend: "blend.png",
  region: { x: 0, y: 0, width: 512, height: 512 },
  canvas: "canvas.png",
};

/** A model that only paints parts, so that it takes no plain request. */
export const fluxFill: readonly [title: string, model: MainModel] = [
  "flux fill",
  mainOf("flux", "dev_fill"),
];

/** A model that meets a need. */
export const companionFor = (need: NeededModel): GraphRequest["model"] => ({
  ...partOf(need.bases[0]!, need.type, need.title),
  format: need.formats?.[0] ?? "checkpoint",
  variant: need.variants?.[0] ?? null,
});

/** The VAE and the companions of one alternative. */
export function partsFor(needed: readonly NeededModel[]) {
  const companions = needed
    .filter(({ part }) => part !== "vae")
    .map((need) => [need.part, companionFor(need)]);
  const vae = needed.find(({ part }) => part === "vae");
  return {
    vae: vae ? companionFor(vae) : null,
    companions: Object.fromEntries(companions) as GraphRequest["companions"],
  };
}

/** A complete text-to-image request for a base, or for the model in `overrides`, with its usual size. */
export function requestFor(base: string, overrides: Partial<GraphRequest> = {}): GraphRequest {
  const { model = mainOf(base) } = overrides;
  const { accepts, defaults } = factsOf(model) ?? factsOfMain(mainOf(base));
  return graphRequest(model, {
    width: defaults.width,
    height: defaults.height,
    steps: 20,
    cfgScale: accepts.cfgScale ? 7 : 1,
    scheduler: accepts.schedulers.includes("euler") ? "euler" : defaults.scheduler,
    guidance: accepts.guidance === true ? 3.5 : null,
    ...partsFor(accepts.companions[0] ?? []),
    ...overrides,
  });
}

/** A request with everything that the model supports: a source to resize, another VAE, two LoRAs, skipped layers. */
export function fullRequestFor(base: string, model = mainOf(base)): GraphRequest {
  const source = { imageName: "src.png", width: 600, height: 512, strength: 0.75 };
  const { accepts } = factsOfMain(model);
  const [vaeBase] = accepts.vaeBases;
  return requestFor(base, {
    model,
    ...(accepts.imageToImage && { source }),
    ...(vaeBase !== undefined && { vae: partOf(vaeBase, "vae", "clear") }),
    ...(accepts.loras && {
      loras: [
        { model: partOf(base, "lora", "ink"), weight: 0.5 },
        { model: partOf(base, "lora", "grain"), weight: -1 },
      ],
    }),
    ...(accepts.maxClipSkip > 0 && { clipSkip: 2 }),
    ...(accepts.guidance === "optional" && { guidance: 5 }),
    ...(accepts.negativePrompt && { negativePrompt: "blurred" }),
  });
}

/** A graph's edges as `model.unet -> denoise.unet`. */
export const arrowsOf = (graph: Graph): string[] =>
  graph.edges.map(
    ({ source: from, destination: to }) =>
      `${from.node_id}.${from.field} -> ${to.node_id}.${to.field}`,
  );
