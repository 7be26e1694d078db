import { t, type Static } from "elysia";
import type { GenerationMetadata } from "#db/schema/photos";
import { companionFields, companionsToWire } from "../../fields/companions";
import { chosenHires } from "../../fields/hires";
import { optionFields, optionsToWire } from "../../fields/options";
import { paintingFields, paintingToWire } from "../../fields/painting";
import { upscaledFields, upscaledToWire } from "../../fields/upscaled";

export const generationMetadata = t.Object(
  {
    prompt: t.Optional(t.String()),
    negative_prompt: t.Optional(t.String()),
    prompt_template: t.Optional(t.String({ description: "What the prompt was expanded from" })),
    negative_template: t.Optional(t.String()),
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
    ...companionFields(t.Optional(t.String())),
    ...paintingFields,
    ...upscaledFields,
    ...chosenHires,
    ...optionFields(({ isWhole }) => t.Optional(isWhole ? t.Integer() : t.Number())),
    recipe: t.Optional(
      t.Object(
        {
          id: t.String(),
          name: t.String(),
          output: t.Integer({ minimum: 0, description: "Which of its outputs, from 0" }),
          inputs: t.Record(t.String(), t.Any()),
        },
        { description: "The recipe that made it" },
      ),
    ),
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
    prompt_template: made.promptTemplate,
    negative_template: made.negativeTemplate,
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
    ...companionsToWire(made),
    ...paintingToWire(made),
    ...upscaledToWire(made),
    ...(made.hires && { hires: made.hires }),
    ...optionsToWire(made),
    ...(made.recipe && {
      recipe: {
        id: made.recipe.id,
        name: made.recipe.name,
        output: made.recipe.output,
        inputs: made.recipe.inputs,
      },
    }),
    loras:
      made.loras?.map((lora) => ({
        model_key: lora.modelKey,
        name: lora.name,
        weight: lora.weight,
      })) ?? [],
  };
}
