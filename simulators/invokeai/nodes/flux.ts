import { choice, connection, float, integer, modelField, text } from "./fields.ts";
import type { NodeDefinition } from "./definition.ts";
import {
  addLoras,
  clipOf,
  loadModel,
  vaeOf,
  loraIdentity,
  type ClipValue,
  type LoraUse,
  unknownPart,
} from "./loaders.ts";
import { NodeError } from "./endings.ts";
import { vaeDecoder, vaeEncoder } from "./latents.ts";
import { runSampler } from "./run-sampler.ts";
import { conditioningOutput, latentsFields, readConditioning } from "./tensors.ts";

type TransformerValue = { transformer: { hash?: unknown }; loras: LoraUse[] };
type Lorable = { loras: LoraUse[] };

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
      const main = loadModel(context, inputs.model, "main", unknownPart);
      const t5 = loadModel(context, inputs.t5_encoder_model, "t5_encoder", unknownPart);
      const clip = loadModel(context, inputs.clip_embed_model, "clip_embed", unknownPart);
      const vae = loadModel(context, inputs.vae_model ?? main, "vae", unknownPart);
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
      denoise_mask: connection("denoise_mask", "optional"),
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
      control: connection("flux_control", "optional"),
      ip_adapter: connection("ip_adapter", "optional"),
      redux_conditioning: connection("flux_redux", "optional"),
      kontext_conditioning: connection("flux_kontext", "optional"),
    },
    outputs: latentsFields,
    outputType: "latents_output",
    async run(inputs, context) {
      const positive = readConditioning(context, inputs.positive_text_conditioning);
      const transformer = inputs.transformer as TransformerValue;
      if (inputs.kontext_conditioning != null && inputs.controlnet_vae == null) {
        throw new NodeError(
          "ValueError",
          "A VAE (e.g., controlnet_vae) must be provided to use Kontext conditioning.",
        );
      }
      return runSampler(inputs, context, {
        base: "flux",
        prompt: positive.prompt,
        steps: inputs.num_steps,
        variant: [transformer.transformer.hash, loraIdentity(transformer.loras), positive.encoder],
        settings: [inputs.num_steps, inputs.guidance, inputs.cfg_scale, inputs.scheduler],
      });
    },
  },
  flux_vae_decode: vaeDecoder,
  flux_vae_encode: vaeEncoder,
};
