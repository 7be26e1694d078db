import { type Static, t } from "elysia";
import type { AlbumView } from "#db/queries/albums/album-views";
import { photoToWire } from "../photos/model";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const name = t.String({ minLength: 1, maxLength: 200, description: "Trimmed, NFC" });
const description = t.Nullable(t.String({ maxLength: 2_000 }));
/** As many as a person can select at once. */
const maxPhotosAtOnce = 500;

export const albumParams = t.Object({ id: uuid });
export const albumPhotoParams = t.Object({ id: uuid, photo_id: uuid });

export const albumBody = t.Object(
  {
    name,
    description: t.Optional(description),
    cover_photo_id: t.Optional(t.Nullable(uuid)),
  },
  strict,
);

export const albumChange = t.Object(
  {
    name: t.Optional(name),
    description: t.Optional(description),
    cover_photo_id: t.Optional(t.Nullable(uuid)),
  },
  { ...strict, minProperties: 1 },
);

export const photoIdsBody = t.Object(
  { photo_ids: t.Array(uuid, { minItems: 1, maxItems: maxPhotosAtOnce }) },
  strict,
);

export const moveBody = t.Object({ after_photo_id: t.Nullable(uuid) }, strict);

export const albumSchema = t.Object(
  {
    id: uuid,
    name: t.String(),
    description: t.Optional(t.String()),
    cover_photo_id: t.Optional(uuid),
    cover_thumbnail_url: t.Optional(t.String()),
    photo_count: t.Integer({ minimum: 0 }),
    created_at: moment,
    updated_at: moment,
  },
  { title: "Album" },
);

export function albumToWire(view: AlbumView): Static<typeof albumSchema> {
  return {
    id: view.id,
    name: view.name,
    ...(view.description !== null && { description: view.description }),
    ...(view.cover && {
      cover_photo_id: view.cover.id,
      cover_thumbnail_url: photoToWire(view.cover).thumbnail_url,
    }),
    photo_count: view.photoCount,
    created_at: view.createdAt.toISOString(),
    updated_at: view.updatedAt.toISOString(),
  };
}
