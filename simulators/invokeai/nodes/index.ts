import { fluxNodes } from "./flux.ts";
import { latentsNodes, resizingNodes } from "./latents.ts";
import { loaderNodes } from "./loaders.ts";
import { metadataNodes } from "./metadata.ts";
import { paintingNodes } from "./painting.ts";
import { pictureNodes } from "./pictures.ts";
import { samplingNodes } from "./sampling.ts";
import { transformerNodes } from "./transformers.ts";
import { repaintingNodes, upscalingNodes } from "./upscaling.ts";
import { valueNodes } from "./values.ts";
import { flag, type Field } from "./fields.ts";
import type { NodeDefinition } from "./definition.ts";

const definitions: Record<string, NodeDefinition> = {
  ...valueNodes,
  ...metadataNodes,
  ...loaderNodes,
  ...samplingNodes,
  ...latentsNodes,
  ...resizingNodes,
  ...pictureNodes,
  ...paintingNodes,
  ...upscalingNodes,
  ...repaintingNodes,
  ...fluxNodes,
  ...transformerNodes,
};

/** Fields of every node. */
const commonFields: Record<string, Field> = {
  is_intermediate: flag(false),
  use_cache: flag(true),
};

export const nodeTypes: readonly string[] = Object.keys(definitions);

export function findNodeDefinition(type: unknown): NodeDefinition | undefined {
  return typeof type === "string" && Object.hasOwn(definitions, type)
    ? definitions[type]
    : undefined;
}

export function fieldsOf(definition: NodeDefinition): Record<string, Field> {
  return { ...commonFields, ...definition.fields };
}
