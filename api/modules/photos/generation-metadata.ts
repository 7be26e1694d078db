import { t, type Static } from "elysia";
import type { GenerationMetadata } from "#db/schema/photos";
import { optionFields, optionsToWire } from "../../fields/options";
import { upscaledFields, paintingFields, paintingToWire } from "../../fields/painting";

export const generationMetadata = t.Object(
  {
    prompt: t.Optional(t.String()),
    negative_prompt: t.Optional(t.String()),
    model_key: t.Optional(t.String()),
    model_hash: t.Optional(t.String()),
    model_name: t.Optional(t.String()),
    seed: t.Optional(t.Integer()),
    steps: t.Optional(t.Integer()),
    cfg_scale: t.Optional(t.Number()),
    scheduler: t.Optional(t.String()),
    width: t.Optional(t.Integer()),
    height: t.Optional(t.Integer()),
    strength: t.Optional(t.Number()),
    vae_key: t.Optional(t.String()),
    t5_encoder_key: t.Optional(t.String()),
    clip_embed_key: t.Optional(t.String()),
    ...paintingFields,
    ...upscaledFields,
    ...optionFields(({ isWhole }) => t.Optional(isWhole ? t.Integer() : t.Number())),
    loras: t.Array(
      t.Object({
        model_key: t.Optional(
          t.String({ description: "InvokeAI's key, if InvokeAI made the photo" }),
        ),
        name: t.Optional(t.String({ description: "The name recorded in the file" })),
        weight: t.Number(),
      }),
    ),
  },
  {
    title: "GenerationMetadata",
    description: "What the photo was generated with. An absent field is unknown.",
  },
);

/** Field by field, so that a new one is not exposed by accident. */
export function generationToWire(made: GenerationMetadata): Static<typeof generationMetadata> {
  return {
    prompt: made.prompt,
    negative_prompt: made.negativePrompt,
    model_key: made.modelKey,
    model_hash: made.modelHash,
    model_name: made.modelName,
    seed: made.seed,
    steps: made.steps,
    cfg_scale: made.cfgScale,
    scheduler: made.scheduler,
    width: made.width,
    height: made.height,
    strength: made.strength,
    vae_key: made.vaeKey,
    t5_encoder_key: made.t5EncoderKey,
    clip_embed_key: made.clipEmbedKey,
    ...paintingToWire(made),
    ...(made.upscale && { upscale: made.upscale }),
    ...optionsToWire(made),
    loras:
      made.loras?.map((lora) => ({
        model_key: lora.modelKey,
        name: lora.name,
        weight: lora.weight,
      })) ?? [],
  };
}
