import { t, type Static } from "elysia";
import type { PhotoFilter } from "#db/queries/photo-filter";
import { searchQuery } from "#db/search-query";
import { tagKey } from "#db/search-words";
import type { GenerationMetadata, Photo, Reproduction } from "#db/schema/photos";
import { pageQuery } from "../../lists";
import { momentInput, wallClock } from "../../moment";
import { tagsSchema, titleSchema } from "../../text";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });

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

const photoFields = {
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
};

/** A photo as every route shows it to its owner. */
export const photoSchema = t.Object(photoFields, { title: "Photo" });
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
export const uploadQuery = t.Object({ restore: t.Optional(t.Boolean({ default: false })) });

export const listQuery = t.Object({
  ...pageQuery(),
  generated: t.Optional(t.Boolean()),
  favorite: t.Optional(t.Boolean()),
  album_id: t.Optional(uuid),
  session_id: t.Optional(uuid),
  step_id: t.Optional(uuid),
  model_key: t.Optional(t.String({ minLength: 1, maxLength: 256 })),
  tag: t.Optional(t.String({ minLength: 1, maxLength: 256, description: "Whatever its case" })),
  retrieval_status: t.Optional(retrievalStatus),
  since: t.Optional(momentInput("Created then or later")),
  until: t.Optional(momentInput("Created before")),
  q: t.Optional(
    t.String({
      maxLength: 500,
      description:
        "Words of prompt, negative prompt, title, filename and tags, without case and accents. All must match, the last one also as a beginning from 3 letters on",
    }),
  ),
  same_prompt_as: t.Optional({ ...uuid, description: "The id of a photo" }),
  trashed: t.Optional(t.Boolean({ default: false })),
  sort: t.Optional(
    t.Union(
      [t.Literal("newest"), t.Literal("oldest"), t.Literal("taken_at"), t.Literal("rating")],
      {
        default: "newest",
        description:
          "taken_at: newest first, by created_at where it is unknown. rating: highest first, none last",
      },
    ),
  ),
});

/** What a list's query asks for. A `q` of blanks is none; one without any letter or digit finds nothing. */
export function listQueryToFilter(query: Static<typeof listQuery>): PhotoFilter {
  return {
    kind: query.generated === undefined ? undefined : query.generated ? "generated" : "uploaded",
    isFavorite: query.favorite,
    albumId: query.album_id,
    sessionId: query.session_id,
    stepId: query.step_id,
    modelKey: query.model_key,
    tagKey: query.tag === undefined ? undefined : tagKey(query.tag.trim()),
    retrievalStatus: query.retrieval_status,
    since: query.since === undefined ? undefined : new Date(query.since),
    until: query.until === undefined ? undefined : new Date(query.until),
    search: query.q?.trim() ? searchQuery(query.q) : undefined,
    samePromptAs: query.same_prompt_as,
    isTrashed: query.trashed ?? false,
  };
}

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
  { ...photoFields, retrying: t.Integer() },
  { title: "RetriedPhoto" },
);

const severalIds = t.Array(uuid, {
  minItems: 1,
  maxItems: 500,
  description: "As many as a person can mark in one go",
});

export const idsBody = t.Object({ ids: severalIds }, { additionalProperties: false });

export const bulkTagBody = t.Object(
  {
    ids: severalIds,
    tags: tagsSchema,
    mode: t.Optional(
      t.Union([t.Literal("add"), t.Literal("remove"), t.Literal("replace")], { default: "add" }),
    ),
  },
  { additionalProperties: false },
);

export const bulkSchema = t.Object(
  {
    success_count: t.Integer(),
    failed_count: t.Integer(),
    details: t.Object({
      succeeded: t.Array(uuid),
      failed: t.Array(t.Object({ id: uuid, code: t.String() })),
    }),
  },
  { title: "BatchOutcome" },
);

export const batchRetrySchema = t.Object(
  {
    success_count: t.Integer(),
    failed_count: t.Integer(),
    details: t.Object({
      retrying: t.Array(uuid),
      failed: t.Array(t.Object({ id: uuid, code: t.String() })),
    }),
  },
  { title: "BatchRetry" },
);

const duplicate = t.Object(
  {
    ...photoFields,
    duplicate: t.Literal(true),
    trashed: t.Optional(t.Literal(true)),
  },
  { title: "DuplicatePhoto" },
);

const uploadItem = t.Object(
  {
    filename: t.String(),
    status: t.Union([t.Literal("created"), t.Literal("duplicate"), t.Literal("rejected")]),
    photo: t.Optional(t.Union([photoSchema, duplicate])),
    error: t.Optional(t.Object({ code: t.String(), message: t.String() })),
  },
  { title: "UploadedFile" },
);

export const uploadSchema = {
  201: photoSchema,
  200: t.Union([duplicate, t.Object({ items: t.Array(uploadItem) })], {
    description: "One file that is here already, or the verdict on each of several",
  }),
};

/** The body is read as a stream, past the framework: what it looks like is written here. */
export const uploadDetail = {
  summary: "Upload one or more pictures",
  description:
    "JPEG, PNG, WebP, GIF, AVIF, HEIC or HEIF, told by content. A part may carry a Content-Digest, which is verified.",
  requestBody: {
    required: true,
    content: {
      "multipart/form-data": {
        schema: {
          type: "object" as const,
          required: ["file"],
          properties: {
            file: { type: "array" as const, items: { type: "string" as const, format: "binary" } },
            album_id: { type: "string" as const, format: "uuid" },
            title: { type: "string" as const, maxLength: 200 },
            tags: { type: "array" as const, items: { type: "string" as const } },
          },
        },
      },
    },
  },
};

/** What a route that answers with a picture says of itself, besides its JSON. */
export function imageDetail(summary: string, type: "image/webp" | "image/*" = "image/webp") {
  const content = { [type]: { schema: { type: "string" as const, format: "binary" } } };
  return {
    summary,
    responses: {
      200: { description: "The picture", content },
      206: { description: "The range asked for", content },
      304: { description: "Not changed" },
    },
  };
}
