import { Type, type Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { ModelIdentifier } from "../types";
import { transformerBases } from "./transformer-bases";
import { upscaleNode } from "./upscale";
import { metadataType, outputNode, seedNode, slotNode } from "./graph";

/**
 * The node types that the builders here use. A recorded graph may come from any file, and nodes of other types, including
 * those of extensions, may do anything: a graph with such a node is not run.
 */
const knownTypes: ReadonlySet<string> = new Set([
  "clip_skip",
  "collect",
  "compel",
  "create_gradient_mask",
  metadataType,
  "denoise_latents",
  "flux_denoise",
  "flux_lora_collection_loader",
  "flux_model_loader",
  "flux_text_encoder",
  "flux_vae_decode",
  "flux_vae_encode",
  "i2l",
  "img_noise",
  "img_paste",
  "img_resize",
  "infill_cv2",
  "infill_lama",
  "infill_patchmatch",
  "infill_tile",
  "integer",
  "invokeai_img_blend",
  "l2i",
  "lora_collection_loader",
  "lora_selector",
  "main_model_loader",
  "noise",
  "sdxl_compel_prompt",
  "sdxl_lora_collection_loader",
  "sdxl_model_loader",
  upscaleNode,
  "string",
  "vae_loader",
  ...Object.values(transformerBases).flatMap((base) => [
    base.loader,
    base.encoder,
    base.sampler,
    base.decoder,
    base.vaeEncoder,
    ...(base.loras ? [base.loras.loader] : []),
  ]),
]);

const maxNodes = 200;

const name = Type.String({ pattern: "^[A-Za-z0-9_-]{1,100}$" });
const End = Type.Object({ node_id: name, field: name });
const Node = Type.Object({ id: name, type: Type.String() });
const Recorded = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  nodes: Type.Record(Type.String(), Node),
  edges: Type.Array(Type.Object({ source: End, destination: End }), { maxItems: maxNodes * 4 }),
});
const Identifier = Type.Object({
  key: Type.String(),
  hash: Type.String(),
  name: Type.String(),
  base: Type.String(),
  type: Type.String(),
});
const ImageField = Type.Object({ image_name: Type.String() });
const IntegerNode = Type.Object({
  type: Type.Literal("integer"),
  value: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
});

/** Encode with unseeded noise; the encoders of other bases have a seed or add none. */
const noisyEncoders: ReadonlySet<string> = new Set([
  "i2l",
  "sd3_i2l",
  "cogview4_i2l",
  "z_image_i2l",
]);
const DenoiseNode = Type.Object({
  type: Type.String({ pattern: "denoise" }),
  denoising_start: Type.Number({ minimum: 0, maximum: 1 }),
});

type Fields = Record<string, unknown>;

/** A graph recorded in a picture, validated as one of ours; without its metadata node. */
export type RecordedGraph = {
  graph: { id: string; nodes: Record<string, Fields>; edges: Static<typeof Recorded>["edges"] };
  seed: number;
  /** All models in the graph, without duplicates. */
  models: ModelIdentifier[];
  /** The names of its uploaded pictures on the server, by role: as `ImageNames`, with its source. */
  pictures: Record<string, string>;
  /** The strength, 0 to 1, of image to image whose whole source is encoded with unseeded noise. */
  noisyStrength: number | undefined;
};

/** Parses the graph in a picture, which is untrusted; undefined when it is not a graph as they are built here. */
export function parseRecordedGraph(value: unknown): RecordedGraph | undefined {
  if (!Value.Check(Recorded, value)) return undefined;
  const entries = Object.entries(value.nodes);
  const isOurs = entries.every(([id, node]) => node.id === id && knownTypes.has(node.type));
  const seed = value.nodes[seedNode];
  if (!isOurs || entries.length > maxNodes || !value.nodes[outputNode]) return undefined;
  if (!Value.Check(IntegerNode, seed) || !Value.Check(IntegerNode, value.nodes[slotNode])) {
    return undefined;
  }
  const withoutMetadata = entries.filter(([, node]) => node.type !== metadataType);
  const nodes: Record<string, Fields> = Object.fromEntries(withoutMetadata);
  const edges = value.edges.filter(
    ({ source, destination }) => nodes[source.node_id] && nodes[destination.node_id],
  );
  const models = new Map<string, ModelIdentifier>();
  const imageNames = new Set<string>();
  const pictures = picturesIn(nodes);
  for (const part of partsOf(nodes)) {
    if (Value.Check(Identifier, part)) models.set(part.key, part);
    else if (Value.Check(ImageField, part)) imageNames.add(part.image_name);
  }
  if (imageNames.difference(new Set(Object.values(pictures))).size > 0) return undefined;
  return {
    graph: { id: value.id, nodes, edges },
    seed: seed.value,
    models: [...models.values()],
    pictures,
    noisyStrength:
      pictures["mask"] === undefined
        ? noisyStrengthOf(withoutMetadata.map(([, node]) => node))
        : undefined,
  };
}

/**
 * The graph to run again: without the server's node cache, whose latents would prove nothing, on no board, and with all
 * nodes intermediate, so that nothing stays in InvokeAI's gallery.
 * @param models by the recorded key: models with the same weights, as the server has them now
 * @param images current image names by the recorded name
 */
export function replayGraph(
  { graph }: RecordedGraph,
  models: ReadonlyMap<string, ModelIdentifier>,
  images: ReadonlyMap<string, string>,
): RecordedGraph["graph"] {
  const replace = (part: unknown): unknown => {
    if (Value.Check(Identifier, part)) return { ...part, ...models.get(part.key) };
    if (Value.Check(ImageField, part)) {
      return { image_name: images.get(part.image_name) ?? part.image_name };
    }
    return undefined;
  };
  const nodes = Object.entries(graph.nodes).map(([id, { board: _board, ...fields }]) => [
    id,
    { ...(mapParts(fields, replace) as Fields), is_intermediate: true, use_cache: false },
  ]);
  return { ...graph, nodes: Object.fromEntries(nodes) as Record<string, Fields> };
}

/** Where the builders put the name of each uploaded picture: the first of these inputs that holds one. */
const places: Record<string, [node: string, input: string][]> = {
  source: [
    ["fill", "image"],
    ["rin", "image"],
    ["i2l", "image"],
    [outputNode, "image"],
  ],
  mask: [["cgm", "mask"]],
  base: [
    ["blend", "layer_base"],
    [outputNode, "layer_base"],
  ],
  blend: [
    ["blend", "mask"],
    [outputNode, "mask"],
  ],
  canvas: [[outputNode, "base_image"]],
};

function picturesIn(nodes: Record<string, Fields>): Record<string, string> {
  const found = Object.entries(places).flatMap(([role, inputs]): [string, string][] => {
    const values = inputs.map(([node, input]) => nodes[node]?.[input]);
    const picture = values.find((value) => Value.Check(ImageField, value));
    return picture ? [[role, (picture as Static<typeof ImageField>).image_name]] : [];
  });
  return Object.fromEntries(found);
}

function noisyStrengthOf(nodes: Static<typeof Node>[]): number | undefined {
  if (!nodes.some(({ type }) => noisyEncoders.has(type))) return undefined;
  const denoise = nodes.find((node) => Value.Check(DenoiseNode, node));
  return denoise && 1 - denoise.denoising_start;
}

function* partsOf(value: unknown): Generator<object> {
  if (typeof value !== "object" || value === null) return;
  yield value;
  for (const inner of Object.values(value)) yield* partsOf(inner);
}

/** A copy with each part replaced for which `replace` returns a value; replaced parts are not searched further. */
function mapParts(value: unknown, replace: (part: unknown) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  if (Array.isArray(value)) return value.map((inner) => mapParts(inner, replace));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, mapParts(inner, replace)]),
  );
}
