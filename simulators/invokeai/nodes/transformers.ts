import type { NodeDefinition, RunContext } from "./definition.ts";
import { NodeError } from "./endings.ts";
import { connection, float, integer, modelField, text } from "./fields.ts";
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
import { runSampler } from "./run-sampler.ts";
import { conditioningOutput, latentsFields, readConditioning } from "./tensors.ts";
import { type Family, families } from "./transformer-families.ts";

type PartValue = { model: ModelIdentifier; loras: LoraUse[] };

function loaderOf(family: Family): NodeDefinition {
  const { vae, needed } = family.extraModels;
  return {
    fields: {
      model: modelField(),
      ...(vae && { vae_model: modelField("optional") }),
      ...(needed !== undefined && { [needed]: modelField("optional") }),
    },
    outputs: { transformer: "transformer", ...family.parts, vae: "vae" },
    outputType: `${family.prefix}_model_loader_output`,
    run(inputs, context) {
      const main = loadModel(context, inputs.model, "main", unknownPart);
      if (needed !== undefined && inputs[needed] == null) {
        throw new NodeError("ValueError", "No VAE source provided.");
      }
      const other =
        inputs.vae_model == null ? main : loadModel(context, inputs.vae_model, "vae", unknownPart);
      const part = (): PartValue => ({ model: main, loras: [] });
      const parts = Object.entries(family.parts).map(([name, type]) => [
        name,
        type === "integer" ? 512 : part(),
      ]);
      return { transformer: part(), ...Object.fromEntries(parts), vae: vaeOf(other) };
    },
  };
}

function encoderOf({ parts, conditioning, base, prefix }: Family): NodeDefinition {
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
    },
    outputs: { conditioning: conditioning.type },
    outputType: `${prefix}_conditioning_output`,
    run(inputs, context) {
      const used = Object.entries(parts).flatMap(([name, type]) =>
        type === "integer" || inputs[name] == null ? [] : [inputs[name] as PartValue],
      );
      return conditioningOutput(context, {
        prompt: String(inputs.prompt),
        encoder: JSON.stringify(used.map(({ model, loras }) => [model.hash, loraIdentity(loras)])),
        family: base,
      });
    },
  };
}

function loraLoaderOf(family: Family): [string, NodeDefinition][] {
  if (!family.loraLoader) return [];
  const { type, parts } = family.loraLoader;
  const typeOf = (part: string) => (part === "transformer" ? "transformer" : family.parts[part]!);
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
      latents: connection("latents", "optional"),
      denoise_mask: connection("denoise_mask", "optional"),
      denoising_start: float(0, { ge: 0, le: 1 }),
      denoising_end: float(1, { ge: 0, le: 1 }),
      transformer: connection("transformer"),
      [positive]: connection(type),
      [negative]: connection(type, negativeIsNeeded ? "required" : "optional"),
      width: integer(1024, { multipleOf: family.sizeMultiple }),
      height: integer(1024, { multipleOf: family.sizeMultiple }),
      seed: integer(0),
      ...(family.samplerNeedsVae && { vae: connection("vae", "optional") }),
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
    inputs[negative] == null ? undefined : readConditioning(context, inputs[negative]);
  const cfg = Number(inputs[family.cfg]);
  if (family.base === "flux2" && cfg !== 1 && unwanted === undefined) {
    throw new NodeError(
      "ValueError",
      "Negative text conditioning is required when cfg_scale is not 1.",
    );
  }
  if (family.samplerNeedsVae && inputs.vae == null) {
    throw new NodeError("ValueError", "A VAE is required.");
  }
  const transformer = inputs.transformer as PartValue;
  const settings = Object.keys(family.samplerFields).map((name) => inputs[name]);
  return runSampler(inputs, context, {
    prompt: conditioning.prompt,
    steps: inputs[family.steps],
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

/** The nodes of each family: no noise node, the size on the sampler. */
export const transformerNodes: Record<string, NodeDefinition> = Object.fromEntries(
  families.flatMap((family): [string, NodeDefinition][] => [
    [family.loader, loaderOf(family)],
    [family.encoder, encoderOf(family)],
    ...loraLoaderOf(family),
    [family.sampler, samplerOf(family)],
    [family.decoder, vaeDecoder],
    [family.vaeEncoder, vaeEncoder],
  ]),
);
