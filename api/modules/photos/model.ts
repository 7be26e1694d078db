import { t, type Static } from "elysia";
import type { Photo, Reproduction } from "#db/schema/photos";
import { wallClock } from "../../moment";
import { tagsSchema, titleSchema } from "../../text";
import { generationMetadata, generationToWire } from "./generation-metadata";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });

const reproduction = t.Object(
  {
    verdict: t.Union(
      [t.Literal("identical"), t.Literal("near"), t.Literal("different"), t.Literal("impossible")],
      { description: "impossible: no picture came that could be compared; see `reason`" },
    ),
    distance: t.Optional(
      t.Number({ minimum: 0, maximum: 255, description: "Mean difference of a channel" }),
    ),
    reason: t.Optional(
      t.Union([
        t.Literal("no_recorded_graph"),
        t.Literal("graph_unknown"),
        t.Literal("graph_refused"),
        t.Literal("model_gone"),
        t.Literal("model_differs"),
        t.Literal("version_differs"),
        t.Literal("source_gone"),
        t.Literal("out_of_memory"),
        t.Literal("interrupted"),
        t.Literal("failed"),
      ]),
    ),
    checked_at: moment,
  },
  { title: "Reproduction" },
);

export const retrievalStatus = t.Union([
  t.Literal("pending"),
  t.Literal("processing"),
  t.Literal("completed"),
  t.Literal("failed"),
]);

/** What a photo's row tells of its file. */
export const fileFields = {
  filename: t.String(),
  mime_type: t.Optional(t.String()),
  width: t.Optional(t.Integer({ description: "Pixels, upright" })),
  height: t.Optional(t.Integer({ description: "Pixels, upright" })),
  file_size: t.Optional(t.Integer({ description: "Bytes" })),
  content_hash: t.Optional(t.String({ description: "SHA-256, hex" })),
  taken_at: t.Optional(t.String({ description: "The camera's wall clock, without zone" })),
  taken_at_offset_minutes: t.Optional(t.Integer({ minimum: -840, maximum: 840 })),
};

/** A photo as every route shows it to its owner. */
export const photoSchema = t.Object(
  {
    id: uuid,
    ...fileFields,
    created_at: moment,
    is_generated: t.Boolean(),
    is_favorite: t.Boolean(),
    rating: t.Optional(t.Integer({ minimum: 0, maximum: 5 })),
    title: t.Optional(t.String()),
    tags: t.Array(t.String()),
    thumbhash: t.Optional(t.String({ description: "Base64" })),
    thumbnail_url: t.String(),
    preview_url: t.String(),
    full_url: t.String(),
    retrieval_status: retrievalStatus,
    retrieval_attempts: t.Integer(),
    retrieval_error: t.Optional(t.String()),
    invoke_id: t.Optional(t.String()),
    source_image_id: t.Optional(uuid),
    session_id: t.Optional(uuid),
    step_id: t.Optional(uuid),
    cost_usd: t.Optional(t.Number()),
    reproduction: t.Optional(reproduction),
    deleted_at: t.Optional(moment),
    purge_at: t.Optional(
      t.String({ format: "date-time", description: "From then on it is deleted for good" }),
    ),
    generation_metadata: t.Optional(generationMetadata),
  },
  { title: "Photo" },
);
export type PhotoBody = Static<typeof photoSchema>;

/** Field by field, so that a new column never leaks by itself. */
export function photoToWire(photo: Photo): PhotoBody {
  const base = `/api/v1/photos/${photo.id}`;
  return {
    id: photo.id,
    ...fileToWire(photo),
    created_at: photo.createdAt.toISOString(),
    is_generated: photo.kind === "generated",
    is_favorite: photo.isFavorite,
    rating: photo.rating ?? undefined,
    title: photo.title ?? undefined,
    tags: photo.tags,
    thumbhash: photo.thumbhash ?? undefined,
    thumbnail_url: `${base}/thumbnail?v=${derivativeVersion}`,
    preview_url: `${base}/preview?v=${derivativeVersion}`,
    full_url: `${base}?v=${versionOf(photo)}`,
    retrieval_status: photo.retrievalStatus,
    retrieval_attempts: photo.retrievalAttempts,
    retrieval_error: photo.retrievalError ?? undefined,
    invoke_id: photo.invokeId ?? undefined,
    source_image_id: photo.sourceImageId ?? undefined,
    session_id: photo.sessionId ?? undefined,
    step_id: photo.stepId ?? undefined,
    cost_usd: photo.costUsd ?? undefined,
    reproduction: photo.reproduction ? reproductionToWire(photo.reproduction) : undefined,
    deleted_at: photo.deletedAt?.toISOString(),
    generation_metadata: photo.generation ? generationToWire(photo.generation) : undefined,
  };
}

export function fileToWire(photo: Photo) {
  return {
    filename: photo.filename,
    mime_type: photo.mimeType ?? undefined,
    width: photo.width ?? undefined,
    height: photo.height ?? undefined,
    file_size: photo.fileSize ?? undefined,
    content_hash: photo.contentHash ?? undefined,
    taken_at: photo.takenAt ? wallClock(photo.takenAt) : undefined,
    taken_at_offset_minutes: photo.takenAtOffsetMinutes ?? undefined,
  };
}

/** The `v` of thumbnails and previews; one more when they are made in another way. A photo's never change otherwise. */
export const derivativeVersion = "1";

/** The `v` under which a photo's bytes never change: a part of their hash. */
export function versionOf(photo: Pick<Photo, "contentHash">): string {
  return photo.contentHash?.slice(0, 12) ?? "0";
}

function reproductionToWire({
  verdict,
  distance,
  reason,
  checkedAt,
}: Reproduction): Static<typeof reproduction> {
  return { verdict, distance, reason, checked_at: checkedAt };
}

export const photoParams = t.Object({ id: uuid });
export const versionQuery = t.Object({ v: t.Optional(t.String({ maxLength: 64 })) });
export const deleteQuery = t.Object({ permanent: t.Optional(t.Boolean({ default: false })) });

export const patchBody = t.Object(
  {
    title: t.Optional(t.Nullable(titleSchema)),
    tags: t.Optional(tagsSchema),
    is_favorite: t.Optional(t.Boolean()),
    rating: t.Optional(t.Nullable(t.Integer({ minimum: 0, maximum: 5 }))),
  },
  { additionalProperties: false, minProperties: 1 },
);

export const retrySchema = t.Object(
  { ...photoSchema.properties, retrying: t.Integer() },
  { title: "RetriedPhoto" },
);
