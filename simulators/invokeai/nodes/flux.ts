import type { Painting } from "../paint.ts";
import { choice, connection, float, imageField, integer, modelField, text } from "./fields.ts";
import { imageOutput, type NodeDefinition } from "./definition.ts";
import { NodeError } from "./endings.ts";
import {
  addLoras,
  clipOf,
  loadModel,
  vaeOf,
  loraIdentity,
  type ClipValue,
  type LoraUse,
  type VaeValue,
} from "./loaders.ts";
import { runSteps } from "./denoise-steps.ts";
import { decode, encode, sourceBytes } from "./latents.ts";
import {
  conditioningOutput,
  latentsFields,
  latentsOutput,
  readConditioning,
  readTensor,
  wrapSeed,
  type Latents,
} from "./tensors.ts";

type TransformerValue = { transformer: { hash?: unknown }; loras: LoraUse[] };
type Lorable = { loras: LoraUse[] };

const unknownModel = (key: string) => new NodeError("ValueError", `Unknown model: ${key}`);

/** FLUX.1: four models as input, no noise node, and the size on the sampler. */
export const fluxNodes: Record<string, NodeDefinition> = {
  flux_model_loader: {
    fields: {
      model: modelField(),
      t5_encoder_model: modelField(),
      clip_embed_model: modelField(),
      vae_model: modelField("optional"),
    },
    outputs: {
      transformer: "transformer",
      clip: "clip",
      t5_encoder: "t5_encoder",
      vae: "vae",
      max_seq_len: "integer",
    },
    outputType: "flux_model_loader_output",
    run(inputs, context) {
      const main = loadModel(context, inputs.model, "main", unknownModel);
      const t5 = loadModel(context, inputs.t5_encoder_model, "t5_encoder", unknownModel);
      const clip = loadModel(context, inputs.clip_embed_model, "clip_embed", unknownModel);
      const vae = loadModel(context, inputs.vae_model ?? main, "vae", unknownModel);
      return {
        transformer: { transformer: { ...main, submodel_type: "transformer" }, loras: [] },
        clip: clipOf(clip),
        t5_encoder: { text_encoder: { ...t5, submodel_type: "text_encoder_2" }, loras: [] },
        vae: vaeOf(vae),
        max_seq_len: context.models.find(main.key)?.variant === "schnell" ? 256 : 512,
      };
    },
  },
  flux_text_encoder: {
    fields: {
      clip: connection("clip"),
      t5_encoder: connection("t5_encoder"),
      t5_max_seq_len: integer(undefined),
      prompt: text(""),
    },
    outputs: { conditioning: "flux_conditioning" },
    outputType: "flux_conditioning_output",
    run({ clip, prompt }, context) {
      const { text_encoder, loras } = clip as ClipValue;
      return conditioningOutput(context, {
        prompt: String(prompt),
        encoder: JSON.stringify([text_encoder.hash, loraIdentity(loras)]),
        family: "flux",
      });
    },
  },
  flux_lora_collection_loader: {
    fields: {
      loras: connection("lora", "optional"),
      transformer: connection("transformer", "optional"),
      clip: connection("clip", "optional"),
      t5_encoder: connection("t5_encoder", "optional"),
    },
    outputs: { transformer: "transformer", clip: "clip", t5_encoder: "t5_encoder" },
    outputType: "flux_lora_loader_output",
    run({ loras, transformer, clip, t5_encoder }, context) {
      const extend = (value: unknown) =>
        value == null ? null : addLoras(context, value as Lorable, loras, ["flux"]);
      return {
        transformer: extend(transformer),
        clip: extend(clip),
        t5_encoder: extend(t5_encoder),
      };
    },
  },
  flux_denoise: {
    fields: {
      latents: connection("latents", "optional"),
      denoising_start: float(0, { ge: 0, le: 1 }),
      denoising_end: float(1, { ge: 0, le: 1 }),
      transformer: connection("transformer"),
      positive_text_conditioning: connection("flux_conditioning"),
      negative_text_conditioning: connection("flux_conditioning", "optional"),
      cfg_scale: float(1),
      width: integer(1024, { multipleOf: 16 }),
      height: integer(1024, { multipleOf: 16 }),
      num_steps: integer(4),
      scheduler: choice(["euler", "heun", "lcm"], "euler"),
      guidance: float(4),
      seed: integer(0),
      controlnet_vae: connection("vae", "optional"),
    },
    outputs: latentsFields,
    outputType: "latents_output",
    async run(inputs, context) {
      const positive = readConditioning(context, inputs.positive_text_conditioning);
      const transformer = inputs.transformer as TransformerValue;
      const start = Number(inputs.denoising_start);
      const end = Number(inputs.denoising_end);
      const source =
        inputs.latents == null
          ? undefined
          : readTensor<Latents>(context, inputs.latents, "latents_name");
      if (start > 0 && source === undefined) {
        throw new NodeError(
          "ValueError",
          "denoising_start should be 0 when initial latents are not provided.",
        );
      }
      const painting: Painting = {
        prompt: positive.prompt,
        seed: wrapSeed(Number(inputs.seed)),
        width: Number(inputs.width),
        height: Number(inputs.height),
        variant: JSON.stringify([
          transformer.transformer.hash,
          loraIdentity(transformer.loras),
          positive.encoder,
          [inputs.num_steps, inputs.guidance, inputs.cfg_scale, inputs.scheduler, start, end],
        ]),
        ...(source === undefined
          ? {}
          : { source: { bytes: await sourceBytes(source), strength: end - start } }),
      };
      await runSteps(context, painting, { steps: Number(inputs.num_steps), start, end });
      return latentsOutput(context, painting);
    },
  },
  flux_vae_decode: {
    fields: {
      latents: connection("latents"),
      vae: connection("vae"),
      metadata: connection("metadata", "optional"),
      board: { type: "board", input: "either", default: null },
    },
    outputs: imageOutput,
    outputType: "image_output",
    async run(inputs, context) {
      const latents = readTensor<Latents>(context, inputs.latents, "latents_name");
      return context.saveImage(await decode(latents, inputs.vae as VaeValue), inputs);
    },
  },
  flux_vae_encode: {
    fields: { image: imageField(), vae: connection("vae") },
    outputs: latentsFields,
    outputType: "latents_output",
    run: ({ image }, context) => encode(image, context),
  },
};
