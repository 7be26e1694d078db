import { connection, flag, integer, modelField } from "./fields.ts";
import type { NodeDefinition, RunContext } from "./definition.ts";
import { NodeError } from "./endings.ts";

/** A model identifier; only its key is used. */
export type ModelIdentifier = { key: string; base: string; [field: string]: unknown };

export type LoraUse = { lora: ModelIdentifier; weight: number };
export type UnetValue = { unet: ModelIdentifier; loras: LoraUse[]; [field: string]: unknown };
export type ClipValue = {
  text_encoder: ModelIdentifier;
  skipped_layers: number;
  loras: LoraUse[];
  [field: string]: unknown;
};
export type VaeValue = { vae: ModelIdentifier; seamless_axes: string[] };

/** Looks a model up by its key alone and checks its type. */
export function loadModel(
  context: RunContext,
  identifier: unknown,
  type: string,
  unknown: (key: string) => NodeError,
): ModelIdentifier {
  const { key } = identifier as ModelIdentifier;
  const model = context.models.find(key);
  if (model === undefined) throw unknown(key);
  if (model.type !== type) {
    throw new NodeError("TypeError", `Expected a model of type ${type}, got ${model.type}`);
  }
  return { key: model.key, hash: model.hash, name: model.name, base: model.base, type: model.type };
}

const unknownModel = (key: string) => new NodeError("Exception", `Unknown model ${key}`);
/** As the loaders of bases that are not of the SD family say it. */
export const unknownPart = (key: string) => new NodeError("ValueError", `Unknown model: ${key}`);
const unknownLora = (key: string) => new NodeError("Exception", `Unknown lora: ${key}!`);
const unknownVae = (key: string) => new NodeError("Exception", `Unknown vae: ${key}!`);

const unetOf = (model: ModelIdentifier): UnetValue => ({
  unet: { ...model, submodel_type: "unet" },
  scheduler: { ...model, submodel_type: "scheduler" },
  loras: [],
  seamless_axes: [],
  freeu_config: null,
});

export const clipOf = (model: ModelIdentifier, suffix = ""): ClipValue => ({
  tokenizer: { ...model, submodel_type: `tokenizer${suffix}` },
  text_encoder: { ...model, submodel_type: `text_encoder${suffix}` },
  skipped_layers: 0,
  loras: [],
});

export const vaeOf = (model: ModelIdentifier): VaeValue => ({
  vae: { ...model, submodel_type: "vae" },
  seamless_axes: [],
});

/** The properties of LoRAs that determine the pixels: hash and weight, not the key. */
export function loraIdentity(loras: LoraUse[]): unknown[] {
  return loras.map(({ lora, weight }) => [lora.hash, weight]);
}

/** Adds each LoRA once; one with another base fails the node. */
export function addLoras<T extends { loras: LoraUse[] }>(
  context: RunContext,
  target: T,
  uses: unknown,
  bases: string[],
): T {
  const loras = [...target.loras];
  for (const use of (Array.isArray(uses) ? uses : uses == null ? [] : [uses]) as LoraUse[]) {
    const lora = loadModel(context, use.lora, "lora", unknownLora);
    if (!bases.includes(lora.base)) throw new NodeError("AssertionError", "");
    if (!loras.some(({ lora: { key } }) => key === lora.key)) {
      loras.push({ lora, weight: use.weight });
    }
  }
  return { ...target, loras };
}

function loraCollectionLoader(clips: ("clip" | "clip2")[], bases: string[]): NodeDefinition {
  const clipFields = Object.fromEntries(
    clips.map((name) => [name, connection("clip", "optional")]),
  );
  return {
    fields: {
      loras: connection("lora", "optional"),
      unet: connection("unet", "optional"),
      ...clipFields,
    },
    outputs: { unet: "unet", ...Object.fromEntries(clips.map((name) => [name, "clip" as const])) },
    outputType: clips.length === 2 ? "sdxl_lora_loader_output" : "lora_loader_output",
    run(inputs, context) {
      const extend = <T extends { loras: LoraUse[] }>(value: unknown) =>
        value == null ? null : addLoras(context, value as T, inputs.loras, bases);
      return {
        unet: extend<UnetValue>(inputs.unet),
        ...Object.fromEntries(clips.map((name) => [name, extend<ClipValue>(inputs[name])])),
      };
    },
  };
}

/** Loaders of the SD family, and the nodes between them and the sampler. */
export const loaderNodes: Record<string, NodeDefinition> = {
  main_model_loader: {
    fields: { model: modelField() },
    outputs: { unet: "unet", clip: "clip", vae: "vae" },
    outputType: "model_loader_output",
    run({ model }, context) {
      const main = loadModel(context, model, "main", unknownModel);
      return { unet: unetOf(main), clip: clipOf(main), vae: vaeOf(main) };
    },
  },
  sdxl_model_loader: {
    fields: { model: modelField() },
    outputs: { unet: "unet", clip: "clip", clip2: "clip", vae: "vae" },
    outputType: "sdxl_model_loader_output",
    run({ model }, context) {
      const main = loadModel(context, model, "main", unknownModel);
      return {
        unet: unetOf(main),
        clip: clipOf(main),
        clip2: clipOf(main, "_2"),
        vae: vaeOf(main),
      };
    },
  },
  vae_loader: {
    fields: { vae_model: modelField() },
    outputs: { vae: "vae" },
    outputType: "vae_output",
    run: ({ vae_model }, context) => ({
      vae: vaeOf(loadModel(context, vae_model, "vae", unknownVae)),
    }),
  },
  clip_skip: {
    fields: { clip: connection("clip"), skipped_layers: integer(0, { ge: 0 }) },
    outputs: { clip: "clip" },
    outputType: "clip_skip_output",
    run({ clip, skipped_layers }) {
      const value = clip as ClipValue;
      return {
        clip: { ...value, skipped_layers: value.skipped_layers + Number(skipped_layers) },
      };
    },
  },
  lora_collection_loader: loraCollectionLoader(["clip"], ["sd-1", "sd-2"]),
  sdxl_lora_collection_loader: loraCollectionLoader(["clip", "clip2"], ["sdxl"]),
  seamless: {
    fields: {
      unet: connection("unet", "optional"),
      vae: connection("vae", "optional"),
      seamless_x: flag(true),
      seamless_y: flag(true),
    },
    outputs: { unet: "unet", vae: "vae" },
    outputType: "seamless_output",
    run({ unet, vae, seamless_x, seamless_y }) {
      const seamless_axes = [...(seamless_x ? ["x"] : []), ...(seamless_y ? ["y"] : [])];
      const extend = (value: unknown) => (value == null ? null : { ...value, seamless_axes });
      return { unet: extend(unet), vae: extend(vae) };
    },
  },
};
