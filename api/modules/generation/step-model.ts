import { type Static, t } from "elysia";
import type { StepView } from "#db/queries/generation/step-views";
import type { Photo } from "#db/schema/photos";
import { stepStatuses } from "#db/schema/steps";
import { oneOf } from "../../fields/one-of";
import { photoSchema, photoToWire, retrievalStatus } from "../photos/model";
import { maskUrl } from "./mask-url";
import { parametersBody, parametersSchema, parametersToWire } from "./parameters-model";
import { progressSchema, progressToWire } from "./progress";
import { scheduleFields, scheduleSchema, scheduleToWire } from "./schedule-model";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const count = t.Integer({ minimum: 0 });

export const stepBody = t.Object(
  {
    prompt: t.Optional(
      t.String({ description: "1 to 10000 characters; required without `recipe_id`" }),
    ),
    negative_prompt: t.Optional(t.Nullable(t.String())),
    expand: t.Optional(
      t.Boolean({
        description:
          "Choose one of {a|b|c} and an entry for each __list__ in both prompts, for each image by its seed. A backslash before {, }, | or _ keeps it.",
      }),
    ),
    parameters: t.Optional(parametersBody),
    recipe_id: t.Optional(
      t.String({
        format: "uuid",
        description:
          "Run a recipe. Then in place of `parameters`: `inputs`, and `prompt`, `negative_prompt`, `seed` and `source_image_id` for the inputs with these roles.",
      }),
    ),
    inputs: t.Optional(
      t.Record(t.String(), t.Any(), {
        maxProperties: 500,
        description:
          "Only with `recipe_id`: values by the id of the input. A model is given by its key, an image by the id of its photo.",
      }),
    ),
    seed: t.Optional(t.Number({ description: "Only with `recipe_id`: 0 to 4294967295" })),
    batch_size: t.Optional(
      t.Number({ description: "Only with `recipe_id`: how many seeds, 1 to MAX_BATCH_SIZE" }),
    ),
    ...scheduleFields,
    parent_id: t.Optional(t.Nullable(uuid)),
    source_image_id: t.Optional(t.Nullable(uuid)),
    mask: t.Optional(
      t.Nullable(
        t.String({
          format: "uuid",
          description:
            "A photo of the size or the proportions of the source image. White is painted; black and what is transparent is kept, bit for bit. Or send the mask itself: see the form.",
        }),
      ),
    ),
  },
  strict,
);

export const stepChange = t.Object(
  { selected_image_id: t.Optional(t.Nullable(uuid)), ...scheduleFields },
  { ...strict, minProperties: 1 },
);

export const stepSchema = t.Object(
  {
    id: uuid,
    session_id: uuid,
    parent_id: t.Optional(uuid),
    source_image_id: t.Optional(uuid),
    recipe_id: t.Optional(uuid),
    mask_url: t.Optional(t.String({ description: "The mask as PNG: white is painted" })),
    prompt: t.String(),
    negative_prompt: t.Optional(t.String()),
    expanded_prompts: t.Optional(
      t.Array(
        t.Object({ seed: count, prompt: t.String(), negative_prompt: t.Optional(t.String()) }),
        { description: "Only with `expand`: the final prompts of each image" },
      ),
    ),
    pictures: t.Optional(
      t.Array(
        t.Object({
          image_id: t.Optional(uuid),
          width: count,
          height: count,
          scale: t.Number(),
        }),
        {
          description:
            "Only of a step that enlarges several photos: each with its size before, in the order of `seeds`",
        },
      ),
    ),
    parameters: parametersSchema,
    ...scheduleSchema,
    model_key: t.String(),
    model_hash: t.String(),
    model_name: t.String(),
    batch_id: t.Optional(t.String()),
    correlation_id: uuid,
    batch_size: count,
    seeds: t.Array(count),
    status: oneOf(stepStatuses),
    ...progressSchema.properties,
    error: t.Optional(
      t.Object({
        code: t.String(),
        message: t.String(),
        suggestion: t.String(),
        details: t.Optional(
          t.String({
            description: "InvokeAI's own message, for failures that the gallery does not know",
          }),
        ),
      }),
    ),
    selected_image_id: t.Optional(uuid),
    images_retrieved: count,
    images_failed: count,
    position: t.Integer({ minimum: 1 }),
    cost_usd: t.Optional(t.Number()),
    created_at: moment,
    started_at: t.Optional(moment),
    completed_at: t.Optional(moment),
  },
  { title: "Step" },
);

export const stepStatusSchema = t.Object(
  {
    ...stepSchema.properties,
    retrieval_status: t.Object({ total: count, completed: count, pending: count, failed: count }),
  },
  { title: "StepStatus" },
);

export const retrySchema = t.Object(
  { ...stepStatusSchema.properties, retrying: count },
  { title: "RetriedStep" },
);

export const alternativesSchema = t.Object({
  items: t.Array(
    t.Object(
      {
        image_id: uuid,
        selected: t.Boolean(),
        created_at: moment,
        retrieval_status: retrievalStatus,
        photo: photoSchema,
      },
      { title: "Alternative" },
    ),
  ),
});

export function stepToWire(view: StepView, timeZone: string): Static<typeof stepSchema> {
  // A completed step also says why images are missing.
  const error = view.error ?? (view.completedAt === null ? null : view.missing);
  return {
    id: view.id,
    session_id: view.sessionId,
    ...(view.parentId !== null && { parent_id: view.parentId }),
    ...(view.sourceImageId !== null && { source_image_id: view.sourceImageId }),
    ...(view.recipeId !== null && { recipe_id: view.recipeId }),
    ...(view.maskHash !== null && { mask_url: maskUrl(view.maskHash) }),
    prompt: view.prompt,
    ...(view.negativePrompt !== null && { negative_prompt: view.negativePrompt }),
    ...(view.expand && {
      expanded_prompts: view.expandedPrompts.map(({ seed, prompt, negativePrompt }) => ({
        seed,
        prompt,
        ...(negativePrompt !== null && { negative_prompt: negativePrompt }),
      })),
    }),
    ...(view.pictures.length > 0 && {
      pictures: view.pictures.map(({ imageId, width, height, scale }) => ({
        ...(imageId !== null && { image_id: imageId }),
        width,
        height,
        scale,
      })),
    }),
    parameters: parametersToWire(view.parameters),
    ...scheduleToWire(view),
    model_key: view.modelKey,
    model_hash: view.modelHash,
    model_name: view.modelName,
    ...(view.batchId !== null && { batch_id: view.batchId }),
    correlation_id: view.correlationId,
    batch_size: view.batchSize,
    seeds: view.seeds,
    status: view.status,
    ...progressToWire(view, timeZone),
    ...(error && { error }),
    ...(view.selectedImageId !== null && { selected_image_id: view.selectedImageId }),
    images_retrieved: view.retrieval.completed,
    images_failed: view.retrieval.failed + view.slotsFailed,
    position: view.position,
    ...(view.costUsd !== null && { cost_usd: view.costUsd }),
    created_at: view.createdAt.toISOString(),
    ...(view.startedAt && { started_at: view.startedAt.toISOString() }),
    ...(view.completedAt && { completed_at: view.completedAt.toISOString() }),
  };
}

export function stepStatusToWire(
  view: StepView,
  timeZone: string,
): Static<typeof stepStatusSchema> {
  return { ...stepToWire(view, timeZone), retrieval_status: view.retrieval };
}

export function alternativeToWire(photo: Photo, selectedImageId: string | null) {
  return {
    image_id: photo.id,
    selected: photo.id === selectedImageId,
    created_at: photo.createdAt.toISOString(),
    retrieval_status: photo.retrievalStatus,
    photo: photoToWire(photo),
  };
}
