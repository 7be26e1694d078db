import { type ComfyGraph, type ComfyNode, inputOf, isEdge, reachable } from "./comfyui-graph";

/** The inputs through which latents pass. */
export const latentNames = ["latent_image", "latent", "latents", "samples", "optional_latent"];

/** With more first samplers, the settings of a single picture cannot be determined. */
const maxFirst = 20;

export function isSampler({ kind, inputs }: ComfyNode): boolean {
  // A provider only configures a sampler for another node.
  if (!/sampler/i.test(kind) || /provider/i.test(kind)) return false;
  return "latent_image" in inputs || pipeOf({ kind, inputs, id: "" }) !== undefined;
}

/**
 * The samplers whose settings count: those that lead to a saved picture and do not continue another sampler's work.
 * There are several when pictures were generated in parallel.
 */
export function firstSamplers(graph: ComfyGraph): readonly ComfyNode[] {
  const saved = reachable(
    graph.nodes.filter(({ kind }) => /save/i.test(kind)),
    graph.sources,
  );
  const all = graph.nodes.filter(isSampler);
  const leading = all.filter((sampler) => saved.has(sampler));
  const samplers = leading.length > 0 ? leading : all;

  const users = usersIn(graph);
  const behind = reachable(samplers, (node) => users.get(node) ?? []);
  const first = samplers.filter((sampler) => {
    const latent = graph.source(inputOf(sampler, latentNames));
    return latent === undefined || !behind.has(latent);
  });
  const counted = first.length > 0 ? first : samplers;
  return counted.length > maxFirst ? [] : counted;
}

function usersIn(graph: ComfyGraph): ReadonlyMap<ComfyNode, readonly ComfyNode[]> {
  const users = new Map<ComfyNode, ComfyNode[]>();
  for (const node of graph.nodes) {
    for (const source of graph.sources(node)) {
      const known = users.get(source);
      if (known) known.push(node);
      else users.set(source, [node]);
    }
  }
  return users;
}

/** A sampler, its guider, and the nodes connected to it by one pipe instead of separate inputs. */
export function partsOf(graph: ComfyGraph, sampler: ComfyNode): readonly ComfyNode[] {
  const parts = [sampler];
  for (const next of [(node: ComfyNode) => node.inputs["guider"], pipeOf]) {
    graph.follow(
      next(sampler),
      (node) => {
        parts.push(node);
        return parts.length > maxParts ? node : undefined;
      },
      next,
    );
  }
  return parts;
}

const maxParts = 20;

function pipeOf({ inputs }: ComfyNode): unknown {
  const names = ["pipe", "basic_pipe", "sdxl_tuple", "base_ctx", "ctx", "context"];
  return names.map((name) => inputs[name]).find(isEdge);
}
