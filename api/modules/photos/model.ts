import { t, type Static } from "elysia";
import type { GenerationMetadata, Photo } from "#db/schema/photos";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });

const generationMetadata = t.Object(
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
    clip_skip: t.Optional(t.Integer()),
    loras: t.Array(t.Object({ model_key: t.String(), weight: t.Number() })),
  },
  { description: "What the picture was made with; an absent field is unknown" },
);

const photoFields = {
  id: uuid,
  filename: t.String(),
  mime_type: t.Optional(t.String()),
  width: t.Optional(t.Integer({ description: "Pixels, upright" })),
  height: t.Optional(t.Integer({ description: "Pixels, upright" })),
  file_size: t.Optional(t.Integer({ description: "Bytes" })),
  content_hash: t.Optional(t.String({ description: "SHA-256, hex" })),
  created_at: moment,
  taken_at: t.Optional(t.String({ description: "The camera's wall clock, without zone" })),
  taken_at_offset_minutes: t.Optional(t.Integer()),
  is_generated: t.Boolean(),
  is_favorite: t.Boolean(),
  rating: t.Optional(t.Integer({ minimum: 0, maximum: 5 })),
  title: t.Optional(t.String()),
  tags: t.Array(t.String()),
  thumbhash: t.Optional(t.String({ description: "Base64" })),
  thumbnail_url: t.String(),
  preview_url: t.String(),
  full_url: t.String(),
  retrieval_status: t.Union([
    t.Literal("pending"),
    t.Literal("processing"),
    t.Literal("completed"),
    t.Literal("failed"),
  ]),
  retrieval_attempts: t.Integer(),
  retrieval_error: t.Optional(t.String()),
  invoke_id: t.Optional(t.String()),
  source_image_id: t.Optional(uuid),
  session_id: t.Optional(uuid),
  step_id: t.Optional(uuid),
  cost_usd: t.Optional(t.Number()),
  deleted_at: t.Optional(moment),
  generation_metadata: t.Optional(generationMetadata),
};

/** A photo as every route shows it to its owner. */
export const photoSchema = t.Object(photoFields);
export type PhotoBody = Static<typeof photoSchema>;

/** Field by field, so that a new column never leaks by itself. */
export function photoToWire(photo: Photo): PhotoBody {
  const base = `/api/v1/photos/${photo.id}`;
  const version = versionOf(photo);
  return {
    id: photo.id,
    filename: photo.filename,
    mime_type: photo.mimeType ?? undefined,
    width: photo.width ?? undefined,
    height: photo.height ?? undefined,
    file_size: photo.fileSize ?? undefined,
    content_hash: photo.contentHash ?? undefined,
    created_at: photo.createdAt.toISOString(),
    taken_at: photo.takenAt?.replace(" ", "T"),
    taken_at_offset_minutes: photo.takenAtOffsetMinutes ?? undefined,
    is_generated: photo.kind === "generated",
    is_favorite: photo.isFavorite,
    rating: photo.rating ?? undefined,
    title: photo.title ?? undefined,
    tags: photo.tags,
    thumbhash: photo.thumbhash ?? undefined,
    thumbnail_url: `${base}/thumbnail?v=${version}`,
    preview_url: `${base}/preview?v=${version}`,
    full_url: `${base}?v=${version}`,
    retrieval_status: photo.retrievalStatus,
    retrieval_attempts: photo.retrievalAttempts,
    retrieval_error: photo.retrievalError ?? undefined,
    invoke_id: photo.invokeId ?? undefined,
    source_image_id: photo.sourceImageId ?? undefined,
    session_id: photo.sessionId ?? undefined,
    step_id: photo.stepId ?? undefined,
    cost_usd: photo.costUsd ?? undefined,
    deleted_at: photo.deletedAt?.toISOString(),
    generation_metadata: photo.generation ? generationToWire(photo.generation) : undefined,
  };
}

/** The `v` under which a photo's bytes never change: a part of their hash. */
export function versionOf(photo: Pick<Photo, "contentHash">): string {
  return photo.contentHash?.slice(0, 12) ?? "0";
}

function generationToWire(made: GenerationMetadata): Static<typeof generationMetadata> {
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
    clip_skip: made.clipSkip,
    loras: made.loras?.map(({ modelKey, weight }) => ({ model_key: modelKey, weight })) ?? [],
  };
}
