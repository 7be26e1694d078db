import { type Static, t } from "elysia";
import type { GenerationMetadata, Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { listOf } from "../../lists/lists";
import { wallClock } from "../../fields/moment";

const moment = t.String({ format: "date-time" });

const madeWith = t.Object({
  prompt: t.Optional(t.String()),
  negative_prompt: t.Optional(t.String()),
  model_name: t.Optional(t.String()),
  seed: t.Optional(t.Integer()),
  steps: t.Optional(t.Integer()),
  cfg_scale: t.Optional(t.Number()),
  scheduler: t.Optional(t.String()),
  strength: t.Optional(t.Number()),
});

export const sharedPhotoSchema = t.Object(
  {
    id: t.String({ format: "uuid" }),
    width: t.Integer(),
    height: t.Integer(),
    thumbhash: t.Optional(t.String()),
    thumbnail_url: t.String(),
    preview_url: t.String(),
    original_url: t.Optional(t.String()),
    title: t.Optional(t.String()),
    tags: t.Optional(t.Array(t.String())),
    filename: t.Optional(t.String()),
    mime_type: t.Optional(t.String()),
    created_at: t.Optional(moment),
    taken_at: t.Optional(t.String()),
    generation_metadata: t.Optional(madeWith),
  },
  { title: "SharedPhoto" },
);

const token = { token: t.Optional(t.String()), token_expires_at: t.Optional(moment) };

export const sharedSchema = t.Object({
  title: t.Optional(t.String()),
  expires_at: t.Optional(moment),
  allow_download: t.Boolean(),
  photo: t.Optional(sharedPhotoSchema),
  album: t.Optional(
    t.Object({
      name: t.String(),
      description: t.Optional(t.String()),
      photo_count: t.Optional(t.Integer({ description: "Absent with total=false or a cursor" })),
      photos: listOf(sharedPhotoSchema),
    }),
  ),
  ...token,
});

export const tokenSchema = t.Object({ token: t.String(), expires_at: moment });

/**
 * A photo as visitors see it, field by field: without `show_metadata` only its id, size and image URLs. Never the
 * owner's data, such as sessions, costs or hashes.
 */
export function sharedPhotoToWire(
  photo: Photo,
  link: ShareLink,
  base: string,
): Static<typeof sharedPhotoSchema> {
  const urls = photoUrls(photo, link, base);
  const visible = {
    id: photo.id,
    width: photo.width ?? 0,
    height: photo.height ?? 0,
    ...(photo.thumbhash !== null && { thumbhash: photo.thumbhash }),
    thumbnail_url: urls.thumbnail,
    preview_url: urls.preview,
    ...(urls.original !== null && { original_url: urls.original }),
  };
  if (!link.showMetadata) return visible;
  return {
    ...visible,
    ...(photo.title !== null && { title: photo.title }),
    tags: photo.tags,
    filename: photo.filename,
    ...(photo.mimeType !== null && { mime_type: photo.mimeType }),
    created_at: photo.createdAt.toISOString(),
    ...(photo.takenAt !== null && { taken_at: wallClock(photo.takenAt) }),
    ...(photo.generation && { generation_metadata: madeWithToWire(photo.generation) }),
  };
}

/** The URLs of a photo's images below a link; `base` has no trailing slash. */
export function photoUrls(photo: Pick<Photo, "id">, link: ShareLink, base: string) {
  const own = `${base}/photos/${photo.id}`;
  return {
    thumbnail: `${own}/thumbnail`,
    preview: `${own}/preview`,
    original: link.allowDownload ? `${own}/original` : null,
  };
}

function madeWithToWire(made: GenerationMetadata): Static<typeof madeWith> {
  return {
    prompt: made.prompt,
    negative_prompt: made.negativePrompt,
    model_name: made.modelName,
    seed: made.seed,
    steps: made.steps,
    cfg_scale: made.cfgScale,
    scheduler: made.scheduler,
    strength: made.strength,
  };
}
