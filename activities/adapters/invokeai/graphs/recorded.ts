import { Type, type Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { ModelIdentifier } from "../types";
import { type AdapterNeed, maxReferences, readerOfNode } from "#generation-references";
import { refusalOf } from "#recipes/node-rules";
import { metadataType, outputNode, seedNode, slotNode } from "./graph";
import { outputNumber } from "./recipe-placement";
import { referenceNode, referencePicture } from "./references";

const maxNodes = 200;

/**
 * Run without the setting of the owner: a step may ask for the first as its fill. What the others fetch where it is missing
 * is checked before they run.
 */
const requestable = ["infill_lama", "ip_adapter", "flux_ip_adapter", "flux_redux"];

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
  "anima_i2l",
  "wan_i2l",
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
  /** The image encoders that its nodes look up by name, unless the model with this recorded key names another. */
  readers: { need: AdapterNeed; adapterKey: string | undefined }[];
  /** The names of its uploaded pictures on the server, by role: as `ImageNames`, with its source. */
  pictures: Record<string, string>;
  /** The strength, 0 to 1, of image to image whose whole source is encoded with unseeded noise. */
  noisyStrength: number | undefined;
};

/**
 * Parses the graph in a picture, which is untrusted: anybody may have written it. undefined when it is not one that was
 * built here, or holds a node that may not run.
 * @param picture which output of its graph it is, from 0, and the types that the owner allows beside the plain ones
 */
export function parseRecordedGraph(
  value: unknown,
  picture: { output: number; allowed: readonly string[] } = { output: 0, allowed: [] },
): RecordedGraph | undefined {
  if (!Value.Check(Recorded, value)) return undefined;
  const all = Object.entries(value.nodes);
  const allowed = [...picture.allowed, ...requestable];
  const mayRun = all.every(
    ([id, node]) => node.id === id && refusalOf(node, allowed) === undefined,
  );
  const seed = value.nodes[seedNode];
  if (!mayRun || all.length > maxNodes) return undefined;
  if (!Value.Check(IntegerNode, seed) || !Value.Check(IntegerNode, value.nodes[slotNode])) {
    return undefined;
  }
  const entries = onlyOutput(all, value.edges, picture.output);
  if (!entries) return undefined;
  const withoutMetadata = entries.filter(([, node]) => node.type !== metadataType);
  const nodes: Record<string, Fields> = Object.fromEntries(withoutMetadata);
  const names = new Set(entries.map(([id]) => id));
  const isKept = (id: string) => names.has(id) || outputNumber(id) === picture.output;
  const edges = value.edges
    .filter(({ source, destination }) => isKept(source.node_id) && isKept(destination.node_id))
    .map((edge) => ({ source: asOutput(edge.source), destination: asOutput(edge.destination) }))
    .filter(({ source, destination }) => nodes[source.node_id] && nodes[destination.node_id]);
  const models = new Map<string, ModelIdentifier>();
  const imageNames = new Set<string>();
  for (const part of partsOf(nodes)) {
    if (Value.Check(Identifier, part)) models.set(part.key, part);
    else if (Value.Check(ImageField, part)) imageNames.add(part.image_name);
  }
  const pictures = rolesOf(nodes, imageNames);
  if (!pictures) return undefined;
  return {
    graph: { id: value.id, nodes, edges },
    seed: seed.value,
    models: [...models.values()],
    readers: withoutMetadata.flatMap(([, node]) => readerIn(node) ?? []),
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

type Entries = [string, Static<typeof Node>][];
type Edges = Static<typeof Recorded>["edges"];

function readerIn(node: Fields): RecordedGraph["readers"][number] | undefined {
  const need = readerOfNode(node);
  const adapter = node["ip_adapter_model"];
  return need && { need, adapterKey: Value.Check(Identifier, adapter) ? adapter.key : undefined };
}

/** The nodes of a graph without its other outputs, and with this one under the name of the only one. */
function onlyOutput(all: Entries, edges: Edges, output: number): Entries | undefined {
  const wanted = all.find(([id]) => outputNumber(id) === output)?.[0];
  if (wanted === undefined) return undefined;
  const others = all.flatMap(([id]) => (outputNumber(id) === undefined || id === wanted ? [] : id));
  const kept = all.filter(([id]) => !others.includes(id));
  if (wanted === outputNode) return kept;
  // Another output may stand before it.
  const isBetween = others.some((id) => edges.some(({ source }) => source.node_id === id));
  if (isBetween) return undefined;
  return kept.map(([id, node]) =>
    id === wanted ? [outputNode, { ...node, id: outputNode }] : [id, node],
  );
}

/** The end of an edge, with an output under the name of the only one. */
const asOutput = (end: Static<typeof End>) =>
  outputNumber(end.node_id) === undefined ? end : { ...end, node_id: outputNode };

/**
 * The names of the pictures by role; a single one is the source, wherever a recipe has it. undefined: they cannot be told
 * apart.
 */
function rolesOf(
  nodes: Record<string, Fields>,
  names: ReadonlySet<string>,
): Record<string, string> | undefined {
  const [first, ...others] = names;
  if (first === undefined) return {};
  const roles = picturesIn(nodes);
  const isReference = roles[referencePicture(0)] !== undefined;
  if (others.length === 0 && !isReference) return { source: first };
  const isComplete = names.isSubsetOf(new Set(Object.values(roles)));
  return isComplete && (isReference || roles["source"] !== undefined) ? roles : undefined;
}

/** Where the builders put the name of each uploaded picture: the first of these inputs that holds one. */
const places: Record<string, [node: string, input: string][]> = {
  source: [
    ["fill", "image"],
    ["rin", "image"],
    ["i2l", "image"],
    ["large", "image"],
    [outputNode, "image"],
  ],
  mask: [
    ["cgm", "mask"],
    ["fmask", "image"],
  ],
  base: [
    ["blend", "layer_base"],
    [outputNode, "layer_base"],
  ],
  blend: [
    ["blend", "mask"],
    [outputNode, "mask"],
  ],
  canvas: [[outputNode, "base_image"]],
  ...Object.fromEntries(
    Array.from({ length: maxReferences }, (_, at) => [
      referencePicture(at),
      [
        [referenceNode(at), "image"],
        [referenceNode(at), "images"],
      ],
    ]),
  ),
};

function picturesIn(nodes: Record<string, Fields>): Record<string, string> {
  const found = Object.entries(places).flatMap(([role, inputs]): [string, string][] => {
    const values = inputs.map(([node, input]) => [nodes[node]?.[input]].flat()[0]);
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
