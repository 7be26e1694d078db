import type { Db } from "#db/client";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { type NamedModel, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import type { Attempt, ImageNames, Slot, Step, StepParameters } from "#db/schema/steps";
import { companionKeysOf, companions, optionsOf } from "#generation-parameters";
import { type Reference, readerOf } from "#generation-references";
import { describeFailure } from "../adapters/invokeai/errors";
import {
  buildGraph,
  buildRepaintGraph,
  buildUpscaleGraph,
  type Graph,
  type GraphReference,
  type PaintedPart,
  promptNodes,
  referencePicture,
} from "../adapters/invokeai/graphs/index";
import type { BatchValues } from "../adapters/invokeai/types";
import { permanentFailure } from "../failures";

/** InvokeAI's own default; the source remains recognizable. */
const defaultStrength = 0.75;

/** All models of a step, as requested. */
export function modelsOfStep({ parameters, modelHash, references }: Step): NamedModel[] {
  if (parameters.recipe) return parameters.recipe.models;
  const { modelKey, vaeKey, loras = [], upscale } = parameters;
  const others = [
    vaeKey,
    upscale?.mainModelKey,
    upscale?.controlModelKey,
    ...Object.values(companionKeysOf(parameters)),
    ...loras.map((lora) => lora.modelKey),
    ...(references ?? []).flatMap(({ modelKey: adapter, encoderKey }) => [adapter, encoderKey]),
  ];
  return [
    { key: modelKey, hash: modelHash },
    ...others.filter((key) => key !== undefined).map((key) => ({ key })),
  ];
}

/**
 * The graph of a step's slots, from rows and the models of the backend as last read, and the values that differ between the
 * slots. A model whose key has changed is found by its hash.
 * @throws ApplicationFailure when a model is gone or was never seen; AppError of the graph builder
 */
export async function stepGraph(
  db: Db,
  params: {
    step: Step;
    slots: Slot[];
    attempt: Pick<Attempt, "backend" | "sourceImageName" | "imageNames">;
  },
): Promise<BuiltGraph> {
  const { step, slots, attempt } = params;
  const { parameters } = step;
  const models = await resolveModels(db, modelsOfStep(step), attempt.backend);
  const find: Find = (key) => {
    const model = models.get(key);
    if (!model?.isAvailable) throw permanentFailure(describeFailure("model_missing"));
    return model;
  };
  const [enlarged, ...others] = slots.flatMap((slot) => enlargedOf(step, slot, attempt));
  return enlarged
    ? enlargingGraph(parameters, [enlarged, ...others], find)
    : drawingGraph(db, params, find);
}

type Find = (key: string) => Model;
type BuiltGraph = { graph: Graph; values: BatchValues[] };

/** The graph of pictures that are enlarged; a single one may also be painted again. */
function enlargingGraph(
  parameters: StepParameters,
  pictures: readonly [Enlarged, ...Enlarged[]],
  find: Find,
): BuiltGraph {
  const { creativity, mainModelKey, controlModelKey } = parameters.upscale ?? {};
  if (creativity === undefined || mainModelKey === undefined || controlModelKey === undefined) {
    return buildUpscaleGraph({ model: find(parameters.modelKey), pictures });
  }
  const graph = buildRepaintGraph({
    upscaler: find(parameters.modelKey),
    main: find(mainModelKey),
    control: find(controlModelKey),
    ...pictures[0],
    creativity,
    steps: parameters.steps,
    cfgScale: parameters.cfgScale,
    scheduler: parameters.scheduler,
  });
  return { graph, values: [] };
}

/** The graph of pictures that are drawn, from nothing or from a source. */
async function drawingGraph(
  db: Db,
  { step, slots, attempt }: Parameters<typeof stepGraph>[1],
  find: Find,
): Promise<BuiltGraph> {
  const { sourceImageName } = attempt;
  const { parameters } = step;
  const { width, height, vaeKey, loras = [] } = parameters;
  const request = {
    width,
    height,
    steps: parameters.steps,
    cfgScale: parameters.cfgScale,
    scheduler: parameters.scheduler,
    ...optionsOf(parameters),
    hires: parameters.hires ?? null,
    model: find(parameters.modelKey),
    vae: vaeKey === undefined ? null : find(vaeKey),
    companions: Object.fromEntries(
      companions.flatMap(({ name, field }) => {
        const key = parameters[field];
        return key === undefined ? [] : [[name, find(key)]];
      }),
    ),
    loras: loras.map((lora) => ({ model: find(lora.modelKey), weight: lora.weight })),
    references: await graphReferences(db, step.references ?? [], attempt.imageNames, find),
    source:
      sourceImageName === null
        ? null
        : {
            imageName: sourceImageName,
            width,
            height,
            strength: parameters.strength ?? defaultStrength,
            ...partOf(parameters, attempt.imageNames),
          },
  };
  const graphs = (step.expand ? slots : slots.slice(0, 1)).map((slot) =>
    buildGraph({ ...request, ...promptsOf(step, slot) }),
  );
  // A builder may leave the node of an empty negative prompt out.
  const sized = graphs.toSorted((a, b) => nodesIn(b) - nodesIn(a));
  const graph = sized[0]!;
  if (!step.expand) return { graph, values: [] };
  const values = promptNodes
    .filter((node) => graph.nodes[node])
    .map((node) => ({ node, field: "value", values: graphs.map((made) => textIn(made, node)) }));
  return { graph, values };
}

async function graphReferences(
  db: Db,
  references: readonly Reference[],
  imageNames: ImageNames,
  find: Find,
): Promise<GraphReference[]> {
  return Promise.all(
    references.map(async ({ imageId, modelKey, encoderKey, ...settings }, at) => {
      const adapter = modelKey === undefined ? null : find(modelKey);
      // InvokeAI looks it up by its name, and would fetch it under another.
      const names = adapter && encoderKey !== undefined ? readerOf(adapter)?.names : undefined;
      if (names && !names.includes(find(encoderKey!).name)) {
        throw permanentFailure(describeFailure("model_missing"));
      }
      const photo = await findPhotoById(db, imageId);
      const { width = null, height = null } = photo ?? {};
      return {
        ...settings,
        imageName: imageNames[referencePicture(at)] ?? "",
        size: width === null || height === null ? null : { width, height },
        adapter,
      };
    }),
  );
}

type Enlarged = { imageName: string; prompt: string; width: number; height: number; scale: number };

/** The picture that a slot enlarges; none if its step draws. */
function enlargedOf(
  step: Step,
  slot: Slot,
  { sourceImageName, imageNames }: Pick<Attempt, "sourceImageName" | "imageNames">,
): Enlarged[] {
  const { width, height, upscale } = step.parameters;
  const enlargement = slot.enlargement ?? (upscale && { width, height, ...upscale });
  const imageName = slot.enlargement ? imageNames[pictureRole(slot.index)] : sourceImageName;
  if (!enlargement || imageName == null) return [];
  return [{ imageName, prompt: promptsOf(step, slot).prompt, ...enlargement }];
}

/** The role of the picture of a slot that enlarges one of its own. */
export const pictureRole = (slotIndex: number): string => `picture_${slotIndex}`;

function textIn({ nodes }: Graph, node: string): string {
  const value = nodes[node]?.["value"];
  return typeof value === "string" ? value : "";
}

const nodesIn = ({ nodes }: Graph) => Object.keys(nodes).length;

/** The final prompts of a slot. */
export function promptsOf(
  step: Pick<Step, "prompt" | "negativePrompt" | "expand">,
  slot: Pick<Slot, "prompt" | "negativePrompt">,
): { prompt: string; negativePrompt: string } {
  const { negativePrompt } = step.expand ? slot : step;
  return { prompt: slot.prompt ?? step.prompt, negativePrompt: negativePrompt ?? "" };
}

/** The prompts that a slot of a recipe is drawn with, as far as they are known. */
export function recipePromptsOf(
  step: Pick<Step, "prompt" | "negativePrompt">,
  slot: Pick<Slot, "prompt" | "negativePrompt">,
): { prompt: string; negativePrompt: string | null } {
  return {
    prompt: slot.prompt ?? step.prompt,
    negativePrompt: slot.negativePrompt ?? step.negativePrompt,
  };
}

/** The painted part, if it is not the whole picture that is generated. */
function partOf(
  { maskFill = "source", expand, region }: StepParameters,
  { mask, base, blend, canvas }: ImageNames,
): { part?: PaintedPart } {
  if (!mask || !base || !blend || !region) return {};
  const isExpanded = expand !== undefined;
  return {
    part: { isExpanded, fill: maskFill, mask, base, blend, region, canvas: canvas ?? null },
  };
}
