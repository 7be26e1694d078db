import { t, type Static } from "elysia";
import {
  type ListedPhoto,
  type Reproduction,
  reproductionReasons,
  retrievalStatuses,
  takenAtSources,
  verdicts,
} from "#db/schema/photos";
import { wallClock } from "../../fields/moment";
import { referencesSchema, referencesToWire } from "../../fields/references";
import { oneOf } from "../../fields/one-of";
import { tagsSchema, titleSchema } from "../../fields/text";
import { maskUrl } from "../generation/mask-url";
import { generationMetadata, generationToWire } from "./generation-metadata";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });

const reproduction = t.Object(
  {
    verdict: oneOf(verdicts, {
      description: "impossible: there was no image to compare; see `reason`",
    }),
    distance: t.Optional(
      t.Number({
        minimum: 0,
        maximum: 255,
        description: "Mean difference of a channel's value; 0: identical pixels",
      }),
    ),
    reason: t.Optional(oneOf(reproductionReasons)),
    checked_at: moment,
  },
  { title: "Reproduction" },
);

export const retrievalStatus = oneOf(retrievalStatuses);

const absent = "Absent until a generated image is fetched";

/** The fields of a photo's file. */
export const fileFields = {
  filename: t.String(),
  mime_type: t.Optional(t.String({ description: absent })),
  width: t.Optional(t.Integer({ description: `Pixels, upright. ${absent}` })),
  height: t.Optional(t.Integer({ description: `Pixels, upright. ${absent}` })),
  file_size: t.Optional(t.Integer({ description: `Bytes. ${absent}` })),
  content_hash: t.Optional(t.String({ description: `SHA-256, hex. ${absent}` })),
  taken_at: t.Optional(t.String({ description: "The camera's wall clock, without time zone" })),
  taken_at_offset_minutes: t.Optional(t.Integer({ minimum: -840, maximum: 840 })),
  taken_at_source: t.Optional(
    oneOf(takenAtSources, {
      description:
        "The source of taken_at. exif_modified: EXIF's modification time. sidecar: a sidecar file. file: the file's own time. Absent if unknown.",
    }),
  ),
};

/** The photo object of all routes for the owner. */
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
    thumbhash: t.Optional(t.String({ description: `Base64. ${absent}` })),
    thumbnail_url: t.String(),
    preview_url: t.String(),
    full_url: t.String(),
    retrieval_status: retrievalStatus,
    retrieval_attempts: t.Integer(),
    retrieval_error: t.Optional(t.String()),
    invoke_id: t.Optional(t.String()),
    source_image_id: t.Optional(uuid),
    mask_url: t.Optional(t.String({ description: "The mask that it was painted with" })),
    references: t.Optional(referencesSchema),
    session_id: t.Optional(uuid),
    step_id: t.Optional(uuid),
    cost_usd: t.Optional(t.Number()),
    reproduction: t.Optional(reproduction),
    deleted_at: t.Optional(moment),
    purge_at: t.Optional(
      t.String({ format: "date-time", description: "The time from which it is deleted for good" }),
    ),
    generation_metadata: t.Optional(generationMetadata),
  },
  { title: "Photo" },
);
export type PhotoBody = Static<typeof photoSchema>;

/** Field by field, so that a new column is not exposed by accident. */
export function photoToWire(photo: ListedPhoto): PhotoBody {
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
    thumbnail_url: thumbnailUrl(photo.id),
    preview_url: `${base}/preview?v=${derivativeVersion}`,
    full_url: `${base}?v=${versionOf(photo)}`,
    retrieval_status: photo.retrievalStatus,
    retrieval_attempts: photo.retrievalAttempts,
    retrieval_error: photo.retrievalError ?? undefined,
    invoke_id: photo.invokeId ?? undefined,
    source_image_id: photo.sourceImageId ?? undefined,
    mask_url: photo.maskHash === null ? undefined : maskUrl(photo.maskHash),
    references: photo.references ? referencesToWire(photo.references) : undefined,
    session_id: photo.sessionId ?? undefined,
    step_id: photo.stepId ?? undefined,
    cost_usd: photo.costUsd ?? undefined,
    reproduction: photo.reproduction ? reproductionToWire(photo.reproduction) : undefined,
    deleted_at: photo.deletedAt?.toISOString(),
    generation_metadata: photo.generation ? generationToWire(photo.generation) : undefined,
  };
}

export const thumbnailUrl = (id: string) => `/api/v1/photos/${id}/thumbnail?v=${derivativeVersion}`;

export function fileToWire(photo: ListedPhoto) {
  return {
    filename: photo.filename,
    mime_type: photo.mimeType ?? undefined,
    width: photo.width ?? undefined,
    height: photo.height ?? undefined,
    file_size: photo.fileSize ?? undefined,
    content_hash: photo.contentHash ?? undefined,
    taken_at: photo.takenAt ? wallClock(photo.takenAt) : undefined,
    taken_at_offset_minutes: photo.takenAtOffsetMinutes ?? undefined,
    taken_at_source: photo.takenAtSource ?? undefined,
  };
}

/** The `v` of thumbnails and previews. Increment it when they are made in another way; they never change otherwise. */
export const derivativeVersion = "1";

/** The `v` under which a photo's bytes never change: a part of their hash. */
export function versionOf(photo: Pick<ListedPhoto, "contentHash">): string {
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
