import { type Static, t } from "elysia";
import type { SessionView, StepView } from "#db/queries/generation-views";
import type { Photo } from "#db/schema/photos";
import type { StepParameters } from "#db/schema/steps";
import { generationSessionId } from "#workflows/generation-session/contract";
import { photoSchema, photoToWire, retrievalStatus } from "../photos/model";
import { type AskedParameters, seedCount } from "./parameters";
import { progressSchema, progressToWire } from "./progress";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const title = t.Nullable(t.String({ maxLength: 200 }));

const entryType = t.Union([t.Literal("scratch"), t.Literal("refinement")]);
export const sessionStatus = t.Union([
  t.Literal("active"),
  t.Literal("completed"),
  t.Literal("abandoned"),
]);

export const sessionBody = t.Object(
  {
    entry_type: entryType,
    source_image_id: t.Optional(t.Nullable(uuid)),
    title: t.Optional(title),
  },
  strict,
);

export const sessionChange = t.Object(
  {
    status: t.Optional(t.Union([t.Literal("completed"), t.Literal("abandoned")])),
    title: t.Optional(title),
    discard_unselected: t.Optional(t.Boolean()),
  },
  { ...strict, minProperties: 1 },
);

/** Ranges depend on the model and are checked all at once, so that every fault is told: see `parameters.ts`. */
export const parametersBody = t.Object(
  {
    model_key: t.String({ minLength: 1, maxLength: 200 }),
    model_hash: t.Optional(t.String()),
    vae_key: t.Optional(t.String()),
    width: t.Optional(t.Number({ description: "pixels; a multiple that the model's base sets" })),
    height: t.Optional(t.Number()),
    steps: t.Optional(t.Number({ description: "1 to 500" })),
    cfg_scale: t.Optional(t.Number({ description: "1 to 200" })),
    scheduler: t.Optional(t.String()),
    batch_size: t.Optional(t.Number({ description: "1 to MAX_BATCH_SIZE; 1 when left out" })),
    seed: t.Optional(t.Number({ description: "0 to 4294967295; random when left out" })),
    strength: t.Optional(t.Number({ description: "0 to 1, only with a source image; 0.75" })),
    loras: t.Optional(
      t.Array(t.Object({ model_key: t.String(), weight: t.Number() }, strict), { maxItems: 100 }),
    ),
    clip_skip: t.Optional(t.Number()),
    guidance: t.Optional(t.Number()),
  },
  strict,
);

export const stepBody = t.Object(
  {
    prompt: t.String({ description: "1 to 10000 characters" }),
    negative_prompt: t.Optional(t.Nullable(t.String())),
    parameters: parametersBody,
    parent_id: t.Optional(t.Nullable(uuid)),
    source_image_id: t.Optional(t.Nullable(uuid)),
  },
  strict,
);

const {
  model_key,
  batch_size: _count,
  seed: _seed,
  vae_key: _vae,
  ...overrides
} = parametersBody.properties;

/** What a step's body holds, all of it optional: what is left out is recalled from the photo. */
export const variationBody = t.Object(
  {
    prompt: t.Optional(t.String()),
    negative_prompt: t.Optional(t.Nullable(t.String({ description: "null: none" }))),
    count: t.Optional(t.Integer({ minimum: 1, description: "Images, up to MAX_BATCH_SIZE" })),
    seed: t.Optional(t.Integer({ minimum: 0, maximum: seedCount - 1 })),
    same_seed: t.Optional(
      t.Boolean({ default: false, description: "The photo's own seed; not together with `seed`" }),
    ),
    parameters: t.Optional(
      t.Object(
        {
          ...overrides,
          model_key: t.Optional(model_key),
          vae_key: t.Optional(t.Nullable(t.String({ description: "null: the model's own" }))),
        },
        strict,
      ),
    ),
  },
  strict,
);

export const selectBody = t.Object({ image_id: uuid }, strict);
export const stepChange = t.Object({ selected_image_id: t.Nullable(uuid) }, strict);

export const sessionSchema = t.Object(
  {
    id: uuid,
    entry_type: entryType,
    source_image_id: t.Optional(uuid),
    title: t.Optional(t.String()),
    status: sessionStatus,
    started_at: moment,
    completed_at: t.Optional(moment),
    steps_count: t.Integer(),
    latest_image: t.Optional(photoSchema),
    workflow_id: t.String(),
    workflow_url: t.Optional(t.String()),
  },
  { title: "Session" },
);

const count = t.Integer({ minimum: 0 });

/** What a step is made with, once everything left out was filled in. */
export const parametersSchema = t.Object(
  {
    model_key: t.String(),
    model_hash: t.String(),
    width: t.Integer({ description: "Pixels" }),
    height: t.Integer({ description: "Pixels" }),
    steps: t.Integer(),
    cfg_scale: t.Number(),
    scheduler: t.String(),
    batch_size: t.Integer(),
    seed: t.Integer({ description: "Of the first image; see `seeds`" }),
    vae_key: t.Optional(t.String()),
    t5_encoder_key: t.Optional(t.String({ description: "Of FLUX; picked here" })),
    clip_embed_key: t.Optional(t.String({ description: "Of FLUX; picked here" })),
    strength: t.Optional(t.Number({ description: "0 to 1; only of a step with a source image" })),
    loras: t.Optional(t.Array(t.Object({ model_key: t.String(), weight: t.Number() }))),
    clip_skip: t.Optional(t.Number()),
    guidance: t.Optional(t.Number()),
  },
  { title: "StepParameters" },
);

export const stepSchema = t.Object(
  {
    id: uuid,
    session_id: uuid,
    parent_id: t.Optional(uuid),
    source_image_id: t.Optional(uuid),
    prompt: t.String(),
    negative_prompt: t.Optional(t.String()),
    parameters: parametersSchema,
    model_key: t.String(),
    model_hash: t.String(),
    model_name: t.String(),
    batch_id: t.Optional(t.String()),
    correlation_id: uuid,
    batch_size: count,
    seeds: t.Array(count),
    status: t.Union([
      t.Literal("pending"),
      t.Literal("processing"),
      t.Literal("completed"),
      t.Literal("failed"),
      t.Literal("cancelled"),
    ]),
    ...progressSchema.properties,
    error: t.Optional(t.Object({ code: t.String(), message: t.String(), suggestion: t.String() })),
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

export const variationSchema = t.Object(
  { session: sessionSchema, step: stepSchema },
  { title: "Variation" },
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

/** camelCase for `parameters.ts`. */
export function toAskedParameters(body: Static<typeof parametersBody>): AskedParameters {
  return {
    ...toOverrides(body),
    modelKey: body.model_key,
    vaeKey: body.vae_key,
    batchSize: body.batch_size,
    seed: body.seed,
  };
}

/** The same of a variation: what it says of the numbers and parts of its model. */
export function toOverrides(body: NonNullable<Static<typeof variationBody>["parameters"]>) {
  return {
    modelKey: body.model_key,
    modelHash: body.model_hash,
    vaeKey: body.vae_key,
    width: body.width,
    height: body.height,
    steps: body.steps,
    cfgScale: body.cfg_scale,
    scheduler: body.scheduler,
    strength: body.strength,
    loras: body.loras?.map((lora) => ({ modelKey: lora.model_key, weight: lora.weight })),
    clipSkip: body.clip_skip,
    guidance: body.guidance,
  };
}

export function sessionToWire(
  view: SessionView,
  workflowUrl: (workflowId: string) => string | undefined,
): Static<typeof sessionSchema> {
  const workflowId = generationSessionId(view.id);
  const url = workflowUrl(workflowId);
  return {
    id: view.id,
    entry_type: view.entryType,
    ...(view.sourceImageId !== null && { source_image_id: view.sourceImageId }),
    ...(view.title !== null && { title: view.title }),
    status: view.status,
    started_at: view.startedAt.toISOString(),
    ...(view.completedAt && { completed_at: view.completedAt.toISOString() }),
    steps_count: view.stepsCount,
    ...(view.latestImage && { latest_image: photoToWire(view.latestImage) }),
    workflow_id: workflowId,
    ...(url !== undefined && { workflow_url: url }),
  };
}

export function stepToWire(view: StepView): Static<typeof stepSchema> {
  // A completed step tells why images are missing, too.
  const error = view.error ?? (view.completedAt === null ? null : view.missing);
  return {
    id: view.id,
    session_id: view.sessionId,
    ...(view.parentId !== null && { parent_id: view.parentId }),
    ...(view.sourceImageId !== null && { source_image_id: view.sourceImageId }),
    prompt: view.prompt,
    ...(view.negativePrompt !== null && { negative_prompt: view.negativePrompt }),
    parameters: parametersToWire(view.parameters),
    model_key: view.modelKey,
    model_hash: view.modelHash,
    model_name: view.modelName,
    ...(view.batchId !== null && { batch_id: view.batchId }),
    correlation_id: view.correlationId,
    batch_size: view.batchSize,
    seeds: view.seeds,
    status: view.status,
    ...progressToWire(view),
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

export function stepStatusToWire(view: StepView): Static<typeof stepStatusSchema> {
  return { ...stepToWire(view), retrieval_status: view.retrieval };
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

export function parametersToWire(parameters: StepParameters): Static<typeof parametersSchema> {
  const { vaeKey, t5EncoderKey, clipEmbedKey, strength, clipSkip, guidance, loras } = parameters;
  return {
    model_key: parameters.modelKey,
    model_hash: parameters.modelHash,
    width: parameters.width,
    height: parameters.height,
    steps: parameters.steps,
    cfg_scale: parameters.cfgScale,
    scheduler: parameters.scheduler,
    batch_size: parameters.batchSize,
    seed: parameters.seed,
    ...(vaeKey !== undefined && { vae_key: vaeKey }),
    ...(t5EncoderKey !== undefined && { t5_encoder_key: t5EncoderKey }),
    ...(clipEmbedKey !== undefined && { clip_embed_key: clipEmbedKey }),
    ...(strength !== undefined && { strength }),
    ...(loras && {
      loras: loras.map((lora) => ({ model_key: lora.modelKey, weight: lora.weight })),
    }),
    ...(clipSkip !== undefined && { clip_skip: clipSkip }),
    ...(guidance !== undefined && { guidance }),
  };
}
