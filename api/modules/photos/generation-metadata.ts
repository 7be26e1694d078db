import { t, type Static } from "elysia";
import type { GenerationMetadata } from "#db/schema/photos";

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
    clip_skip: t.Optional(t.Integer()),
    guidance: t.Optional(t.Number()),
    loras: t.Array(
      t.Object({
        model_key: t.Optional(t.String({ description: "InvokeAI's, where it made the picture" })),
        name: t.Optional(t.String({ description: "As the file has it" })),
        weight: t.Number(),
      }),
    ),
  },
  {
    title: "GenerationMetadata",
    description: "What the picture was made with; an absent field is unknown",
  },
);

/** Field by field, so that a new one never leaks by itself. */
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
    clip_skip: made.clipSkip,
    guidance: made.guidance,
    loras:
      made.loras?.map((lora) => ({
        model_key: lora.modelKey,
        name: lora.name,
        weight: lora.weight,
      })) ?? [],
  };
}
