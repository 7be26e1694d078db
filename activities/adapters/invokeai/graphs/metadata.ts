import {
  type GraphBuilder,
  identify,
  type Literal,
  metadataType,
  outputNode,
  seedNode,
} from "./graph";
import type { GraphRequest } from "./request";

/**
 * The metadata that InvokeAI's own UI can recall, under its names; `more` holds fields of this base only. Prompts, and
 * values that differ per item, arrive by edge.
 */
export function addMetadata(
  graph: GraphBuilder,
  request: GraphRequest,
  base: { modePrefix: "" | `${string}_`; more: Record<string, Literal> },
): void {
  const { source, vae, loras } = request;
  graph.node("meta", metadataType, {
    generation_mode: `${base.modePrefix}${modeOf(source)}`,
    width: request.width,
    height: request.height,
    steps: request.steps,
    scheduler: request.scheduler,
    model: identify(request.model),
    ...(vae ? { vae: identify(vae) } : {}),
    loras: loras.map(({ model, weight }) => ({ model: identify(model), weight })),
    ...(source ? { strength: source.strength, init_image: source.imageName } : {}),
    ...base.more,
  });
  graph.connect(`${seedNode}.value`, "meta.seed");
  graph.connect("pos.value", "meta.positive_prompt");
  graph.connect("meta.metadata", `${outputNode}.metadata`);
}

function modeOf(source: GraphRequest["source"]): string {
  if (!source) return "txt2img";
  if (!source.part) return "img2img";
  return source.part.isExpanded ? "outpaint" : "inpaint";
}
