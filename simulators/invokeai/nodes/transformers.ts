import type { Inputs, NodeDefinition, RunContext } from "./definition.ts";
import { NodeError } from "./endings.ts";
import {
  connection,
  type FieldType,
  float,
  imageList,
  integer,
  modelField,
  text,
} from "./fields.ts";
import { vaeDecoder, vaeEncoder } from "./latents.ts";
import {
  addLoras,
  loadModel,
  loraIdentity,
  type LoraUse,
  type ModelIdentifier,
  unknownPart,
  vaeOf,
} from "./loaders.ts";
import { readPicture } from "./read-picture.ts";
import { runSampler } from "./run-sampler.ts";
import { conditioningOutput, latentsFields, readConditioning } from "./tensors.ts";
import { type Family, families, maybe } from "./transformer-families.ts";

type PartValue = { model: ModelIdentifier; loras: LoraUse[] };

function loaderOf(family: Family): NodeDefinition {
  const { vae, encoder, source, areRequired } = family.extraModels;
  const need = areRequired ? "required" : "optional";
  return {
    fields: {
      model: modelField(),
      ...(vae && { vae_model: modelField(need) }),
      ...(encoder && { [encoder.input]: modelField(need) }),
      ...(source !== undefined && { [source]: modelField("optional") }),
      ...family.loaderFields,
    },
    outputs: { transformer: transformerType(family), ...family.parts, vae: "vae" },
    outputType: `${family.prefix}_model_loader_output`,
    run: (inputs, context) => load(family, inputs, context),
  };
}

const transformerType = (family: Family): FieldType => family.transformer ?? "transformer";

/** Finds the parts where the real loaders look for them: a model of its own, the main model, the source. */
function load(family: Family, inputs: Inputs, context: RunContext): Record<string, unknown> {
  const { vae, encoder, source, ignoresMain } = family.extraModels;
  const main = loadModel(context, inputs.model, "main", unknownPart);
  const record = context.models.find(main.key);
  const variant = typeof record?.variant === "string" ? record.variant : undefined;
  if (main.base !== family.base || isForeign(family.variants, variant)) {
    throw new NodeError("ValueError", `'${String(main.name)}' is not a model for this loader.`);
  }
  const isWhole = record?.format === "diffusers" && ignoresMain === undefined;
  const folder =
    source === undefined || inputs[source] == null
      ? undefined
      : loadFolder(family, variant, inputs[source], context);
  const parts = (isWhole ? main : folder) ?? folder;
  const other =
    vae === undefined || inputs.vae_model == null
      ? parts
      : loadModel(context, inputs.vae_model, "vae", unknownPart);
  if (other === undefined) throw new NodeError("ValueError", "No VAE source provided.");
  if (other.type === "vae" && !vae!.includes(other.base)) {
    throw new NodeError("ValueError", `VAE '${String(other.name)}' is not compatible.`);
  }
  const text =
    encoder === undefined || inputs[encoder.input] == null
      ? parts
      : loadEncoder(family, variant, inputs[encoder.input], context);
  if (text === undefined) throw new NodeError("ValueError", "No text encoder source provided.");
  const outputs = Object.entries(family.parts).map(([name, type]) => [
    name,
    type === "integer" ? 512 : partOf(text),
  ]);
  return { transformer: partOf(main), ...Object.fromEntries(outputs), vae: vaeOf(other) };
}

const partOf = (model: ModelIdentifier): PartValue => ({ model, loras: [] });

const isForeign = (fit: readonly string[] | undefined, variant: string | undefined): boolean =>
  fit !== undefined && variant !== undefined && !fit.includes(variant);

/** A folder of the same family, whose parts another main model uses. */
function loadFolder(
  family: Family,
  mainVariant: string | undefined,
  identifier: unknown,
  context: RunContext,
): ModelIdentifier {
  const folder = loadModel(context, identifier, "main", unknownPart);
  const record = context.models.find(folder.key);
  const variant = typeof record?.variant === "string" ? record.variant : undefined;
  const { encoderVariant, variants } = family;
  const isOtherSize =
    encoderVariant !== undefined && encoderVariant(variant) !== encoderVariant(mainVariant);
  if (
    record?.format !== "diffusers" ||
    folder.base !== family.base ||
    isForeign(variants, variant) ||
    isOtherSize
  ) {
    throw new NodeError(
      "ValueError",
      `'${String(folder.name)}' cannot be the source of the parts.`,
    );
  }
  return folder;
}

function loadEncoder(
  { extraModels, encoderVariant }: Family,
  mainVariant: string | undefined,
  identifier: unknown,
  context: RunContext,
): ModelIdentifier {
  const encoder = loadModel(context, identifier, extraModels.encoder!.type, unknownPart);
  const needed = encoderVariant?.(mainVariant);
  const variant = context.models.find(encoder.key)?.variant;
  if (needed !== undefined && typeof variant === "string" && variant !== needed) {
    throw new NodeError(
      "ValueError",
      `Encoder variant mismatch: ${needed} is required, but ${variant} was selected.`,
    );
  }
  return encoder;
}

function encoderOf({ parts, conditioning, base, prefix, editsInText }: Family): NodeDefinition {
  return {
    fields: {
      ...Object.fromEntries(
        Object.entries(parts).map(([name, type]) => [
          name,
          type === "integer"
            ? integer(512)
            : connection(type, name === "t5_encoder" ? "optional" : "required"),
        ]),
      ),
      prompt: text(""),
      ...(editsInText && { reference_images: imageList("optional") }),
    },
    outputs: { conditioning: conditioning.type },
    outputType: `${prefix}_conditioning_output`,
    async run(inputs, context) {
      const given = (inputs.reference_images ?? []) as unknown[];
      const pictures = await Promise.all(given.map((image) => readPicture(context, image)));
      const used = Object.entries(parts).flatMap(([name, type]) =>
        type === "integer" || inputs[name] == null ? [] : [inputs[name] as PartValue],
      );
      return conditioningOutput(context, {
        prompt: String(inputs.prompt),
        encoder: JSON.stringify(used.map(({ model, loras }) => [model.hash, loraIdentity(loras)])),
        family: base,
        pictures,
      });
    },
  };
}

/** Makes a structured caption of a prompt. */
const captionBuilder: NodeDefinition = {
  fields: {
    prompt: text(""),
    regions: { type: "collection", input: "either", default: [] },
    color_palette: { type: "collection", input: "either", default: [] },
  },
  outputs: { value: "string" },
  outputType: "string_output",
  run: ({ prompt }) => ({ value: JSON.stringify({ description: prompt }) }),
};

function loraLoaderOf(family: Family): [string, NodeDefinition][] {
  if (!family.loraLoader) return [];
  const { type, parts } = family.loraLoader;
  const typeOf = (part: string) =>
    part === "transformer" ? transformerType(family) : family.parts[part]!;
  return [
    [
      type,
      {
        fields: {
          loras: connection("lora", "optional"),
          ...Object.fromEntries(parts.map((part) => [part, connection(typeOf(part), "optional")])),
        },
        outputs: Object.fromEntries(parts.map((part) => [part, typeOf(part)])),
        outputType: `${family.prefix}_lora_loader_output`,
        run: (inputs, context) =>
          Object.fromEntries(
            parts.map((part) => [
              part,
              inputs[part] == null
                ? null
                : addLoras(context, inputs[part] as PartValue, inputs.loras, [family.base]),
            ]),
          ),
      },
    ],
  ];
}

function samplerOf(family: Family): NodeDefinition {
  const { type, positive, negative, negativeIsNeeded } = family.conditioning;
  return {
    fields: {
      ...(family.vaeEncoder !== null && {
        latents: connection("latents", "optional"),
        denoise_mask: connection("denoise_mask", "optional"),
        denoising_start: float(0, { ge: 0, le: 1 }),
        denoising_end: float(1, { ge: 0, le: 1 }),
      }),
      transformer: connection(transformerType(family)),
      [positive]: connection(type),
      ...(negative !== undefined && {
        [negative]: connection(type, negativeIsNeeded ? "required" : "optional"),
      }),
      width: integer(1024, { multipleOf: family.sizeMultiple }),
      height: integer(1024, { multipleOf: family.sizeMultiple }),
      seed: integer(0),
      ...(family.samplerNeedsVae && { vae: connection("vae", "optional") }),
      ...(family.references && {
        [family.references[0]]: connection(family.references[1], "optional"),
      }),
      ...(family.editsInText && { reference_latents: connection("latents", "optional") }),
      ...family.samplerFields,
    },
    outputs: latentsFields,
    outputType: "latents_output",
    run: (inputs, context) => sample(family, inputs, context),
  };
}

async function sample(
  family: Family,
  inputs: Record<string, unknown>,
  context: RunContext,
): Promise<Record<string, unknown>> {
  const { positive, negative } = family.conditioning;
  const conditioning = readConditioning(context, inputs[positive]);
  const unwanted =
    negative === undefined || inputs[negative] == null
      ? undefined
      : readConditioning(context, inputs[negative]);
  const cfg = family.cfg === null ? 1 : Number(inputs[family.cfg]);
  if (family.base === "flux2" && cfg !== 1 && unwanted === undefined) {
    throw new NodeError(
      "ValueError",
      "Negative text conditioning is required when cfg_scale is not 1.",
    );
  }
  if (family.samplerNeedsVae && inputs.vae == null) {
    throw new NodeError("ValueError", "A VAE is required.");
  }
  if (family.needsStep && Number(inputs.denoising_start) >= Number(inputs.denoising_end)) {
    throw new NodeError("ValueError", "denoising_start must be less than denoising_end.");
  }
  const transformer = inputs.transformer as PartValue;
  const settings = Object.keys(family.samplerFields).map((name) => inputs[name]);
  const range = family.vaeEncoder === null ? { denoising_start: 0, denoising_end: 1 } : {};
  const record = context.models.find(transformer.model.key);
  const seesLatents = record?.variant === "edit" && inputs.reference_latents != null;
  return runSampler({ ...inputs, ...range }, context, {
    base: family.base,
    references: (seesLatents ? (conditioning.pictures ?? []) : []).map((bytes) => ({
      band: "edit" as const,
      bytes,
      weight: 1,
    })),
    prompt: conditioning.prompt,
    // A preset without a number of steps of its own.
    steps: inputs[family.steps] ?? 12,
    variant: [
      transformer.model.hash,
      loraIdentity(transformer.loras),
      conditioning.encoder,
      // Without guidance the negative prompt has no effect.
      cfg > 1 ? unwanted?.prompt : null,
    ],
    settings,
  });
}

/** The encoder of Qwen-Image, which others use, too, also scales the picture. */
function encoderNodeOf(type: string): NodeDefinition {
  if (type !== "qwen_image_i2l") return vaeEncoder;
  const side = maybe(integer(undefined));
  return { ...vaeEncoder, fields: { ...vaeEncoder.fields, width: side, height: side } };
}

function nodesOf(family: Family): [string, NodeDefinition][] {
  const { vaeEncoder: encoder, captioner } = family;
  return [
    [family.loader, loaderOf(family)],
    [family.encoder, encoderOf(family)],
    ...loraLoaderOf(family),
    [family.sampler, samplerOf(family)],
    [family.decoder, vaeDecoder],
    ...(encoder === null
      ? []
      : [[encoder, encoderNodeOf(encoder)] satisfies [string, NodeDefinition]]),
    ...(captioner === undefined
      ? []
      : [[captioner, captionBuilder] satisfies [string, NodeDefinition]]),
  ];
}

/** The nodes of each family: no noise node, the size on the sampler. */
export const transformerNodes: Record<string, NodeDefinition> = Object.fromEntries(
  families.flatMap(nodesOf),
);

const older = new Set(
  families.filter(({ since }) => !since).flatMap((family) => nodesOf(family).map(([type]) => type)),
);

/** The types of the nodes that version 6.13 of the API does not know. */
export const newNodeTypes: ReadonlySet<string> = new Set(
  Object.keys(transformerNodes).filter((type) => !older.has(type)),
);
