import { createGraph, type Graph, identify, type Literal, seedNode } from "./graph";
import { addLoras } from "./loras";
import { addMetadata } from "./metadata";
import { addPrompt } from "./prompt";
import { addReferences } from "./references";
import type { GraphRequest } from "./request";
import { addOutput, addSource } from "./source";
import { type TransformerBase, transformerBaseOf } from "./transformer-bases";

/** Text to image and image to image for a base of the table. */
export function buildTransformerGraph(request: GraphRequest): Graph {
  const base = transformerBaseOf(request.model);
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
  addReferences(graph, request);
  if (base.source) addSource(graph, request, { type: base.source.encoder, vae: "model.vae" });
  addOutput(graph, request, { type: base.decoder, vae: "model.vae" });
  addMetadata(graph, request, { modePrefix: base.prefix, more: recordedInputs(request, base) });
  if (hasNegative) graph.connect("neg.value", "meta.negative_prompt");
  return graph.build();
}

function loaderInputs(request: GraphRequest, base: TransformerBase): Record<string, Literal> {
  const { model, vae } = request;
  const { partsFrom, vaeInput } = base;
  const isWhole = model.format === "diffusers";
  return {
    model: identify(model),
    ...base.loaderLiterals,
    ...(isWhole && partsFrom !== undefined && { [partsFrom]: identify(model) }),
    ...(vae && vaeInput !== undefined && { [vaeInput]: identify(vae) }),
    ...companionLiterals(request, base, "input"),
  };
}

/** The companions, by the loader's inputs or by their names in the metadata. */
function companionLiterals(
  { companions }: GraphRequest,
  base: TransformerBase,
  field: "input" | "recorded",
): Record<string, Literal> {
  const taken = Object.entries(base.companions ?? {}) as [
    keyof typeof companions,
    { input: string; recorded: string },
  ][];
  return Object.fromEntries(
    taken.flatMap(([name, names]) => {
      const companion = companions[name];
      return companion === undefined ? [] : [[names[field], identify(companion)]];
    }),
  );
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
    ...(base.captioner !== undefined && { captioner: base.captioner }),
  };
  addPrompt(graph, { name: "pos", text: request.prompt, into: base.positive, ...shared });
  const { negative } = base;
  if (negative === null || (negative.when === "with cfg" && request.cfgScale <= 1)) return false;
  const text = request.negativePrompt || (base.emptyNegative ?? "");
  addPrompt(graph, { name: "neg", text, into: negative.into, ...shared });
  return true;
}

function samplerInputs(request: GraphRequest, base: TransformerBase): Record<string, Literal> {
  const { source, width, height, steps, cfgScale, scheduler, guidance } = request;
  return {
    [base.stepsInput]: steps,
    ...(base.cfgInput !== null && { [base.cfgInput]: cfgScale }),
    ...(base.guidanceInput !== undefined && guidance != null && { [base.guidanceInput]: guidance }),
    ...(base.schedulerInput !== null && { [base.schedulerInput]: scheduler }),
    width,
    height,
    ...(base.source !== null && {
      denoising_start: source ? base.source.start(source.strength, steps) : 0,
      denoising_end: 1,
    }),
  };
}

function recordedInputs(request: GraphRequest, base: TransformerBase): Record<string, Literal> {
  const { cfgScale, guidance, scheduler } = request;
  return {
    ...(base.cfgInput !== null && { cfg_scale: cfgScale }),
    ...(base.guidanceInput !== undefined && guidance != null && { guidance }),
    // As InvokeAI's page names it, beside the scheduler.
    ...(base.schedulerInput === "sampler_preset" && { ideogram4_sampler_preset: scheduler }),
    ...companionLiterals(request, base, "recorded"),
  };
}
