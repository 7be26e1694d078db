import { AppError } from "#errors";
import { createGraph, type Graph, identify, type Literal, seedNode } from "./graph";
import { addLoras } from "./loras";
import { addMetadata } from "./metadata";
import { addPrompt } from "./prompt";
import type { GraphRequest } from "./request";
import { addOutput, addSource } from "./source";
import { type TransformerBase, transformerBases } from "./transformer-bases";

/**
 * Text to image and image to image for a base of the table.
 * @throws AppError `invokeai_model_error` for a VAE that its loader does not take
 */
export function buildTransformerGraph(request: GraphRequest): Graph {
  const base = transformerBases[request.model.base]!;
  const name = base.prefix.replaceAll("_", "-");
  const graph = createGraph(`${name}${request.source ? "image" : "text"}-to-image`);
  graph.node("model", base.loader, loaderInputs(request, base));

  const partNames = [...new Set(["transformer", ...base.encoderInputs])];
  const parts = Object.fromEntries(partNames.map((part) => [part, `model.${part}`]));
  if (base.loras) {
    const { loader } = base.loras;
    const ofLoras = Object.fromEntries(base.loras.parts.map((part) => [part, `model.${part}`]));
    Object.assign(parts, addLoras(graph, request.loras, { loader, parts: ofLoras }));
  }

  const hasNegative = addPrompts(graph, request, base, parts);
  graph.node("denoise", base.sampler, samplerInputs(request, base));
  graph.connect(parts["transformer"]!, "denoise.transformer");
  graph.connect(`${seedNode}.value`, "denoise.seed");
  if (base.samplerTakesVae) graph.connect("model.vae", "denoise.vae");
  addSource(graph, request, { type: base.vaeEncoder, vae: "model.vae" });
  addOutput(graph, request, { type: base.decoder, vae: "model.vae" });
  addMetadata(graph, request, {
    modePrefix: base.prefix,
    more: base.cfgInput === null ? {} : { cfg_scale: request.cfgScale },
  });
  if (hasNegative) graph.connect("neg.value", "meta.negative_prompt");
  return graph.build();
}

function loaderInputs(
  { model, vae }: GraphRequest,
  { partsFrom, vaeInput }: TransformerBase,
): Record<string, Literal> {
  if (vae && vaeInput === undefined) {
    throw new AppError({
      kind: "invalid",
      code: "invokeai_model_error",
      message: `Leave out vae_key: models of base ${model.base} use their own VAE.`,
    });
  }
  return {
    model: identify(model),
    ...(partsFrom !== undefined && { [partsFrom]: identify(model) }),
    ...(vae && vaeInput !== undefined && { [vaeInput]: identify(vae) }),
  };
}

/** Returns whether there is a negative prompt. */
function addPrompts(
  graph: ReturnType<typeof createGraph>,
  request: GraphRequest,
  base: TransformerBase,
  parts: Record<string, string>,
): boolean {
  const shared = {
    encoder: base.encoder,
    inputs: Object.fromEntries(base.encoderInputs.map((input) => [input, parts[input]!])),
    texts: ["prompt"],
    isCollected: base.collectsPrompts ?? false,
  };
  addPrompt(graph, { name: "pos", text: request.prompt, into: base.positive, ...shared });
  const { negative } = base;
  if (negative === null || (negative.when === "with cfg" && request.cfgScale <= 1)) return false;
  const text = request.negativePrompt || (base.emptyNegative ?? "");
  addPrompt(graph, { name: "neg", text, into: negative.into, ...shared });
  return true;
}

function samplerInputs(request: GraphRequest, base: TransformerBase): Record<string, Literal> {
  const { source, width, height, steps, cfgScale, scheduler } = request;
  return {
    [base.stepsInput]: steps,
    ...(base.cfgInput !== null && { [base.cfgInput]: cfgScale }),
    ...(base.takesScheduler && { scheduler }),
    width,
    height,
    denoising_start: source ? base.start(source.strength) : 0,
    denoising_end: 1,
  };
}
