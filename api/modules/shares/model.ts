import { type Static, t } from "elysia";
import { copyFaultReasons } from "#db/schema/copy-faults";
import type { ShareLink } from "#db/schema/shares";
import { momentInput } from "../../fields/moment";
import { oneOf } from "../../fields/one-of";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const title = t.Nullable(t.String({ maxLength: 200 }));
// With an upper limit, as the cost of hashing grows with the length.
const password = t.String({ minLength: 8, maxLength: 200 });
const maxViews = t.Integer({ minimum: 1, maximum: 1_000_000 });

export const linkParams = t.Object({ id: uuid });

const changeable = () => ({
  title: t.Optional(title),
  expires_at: t.Optional(t.Nullable(momentInput())),
  password: t.Optional(t.Nullable(password)),
  allow_download: t.Optional(t.Boolean()),
  show_metadata: t.Optional(t.Boolean()),
  max_views: t.Optional(t.Nullable(maxViews)),
});

export const linkBody = t.Object(
  {
    photo_id: t.Optional(t.Nullable(uuid)),
    album_id: t.Optional(t.Nullable(uuid)),
    ...changeable(),
  },
  { ...strict, description: "Exactly one of photo_id and album_id" },
);

export const linkChange = t.Object(changeable(), { ...strict, minProperties: 1 });

export const linkSchema = t.Object(
  {
    id: uuid,
    photo_id: t.Optional(uuid),
    album_id: t.Optional(uuid),
    title: t.Optional(t.String()),
    expires_at: t.Optional(moment),
    has_password: t.Boolean(),
    allow_download: t.Boolean(),
    show_metadata: t.Boolean(),
    max_views: t.Optional(t.Integer()),
    view_count: t.Integer({ minimum: 0 }),
    last_accessed_at: t.Optional(moment),
    created_at: moment,
    revoked_at: t.Optional(moment),
    faults: t.Optional(
      t.Array(
        t.Object({
          photo_id: uuid,
          reason: oneOf(copyFaultReasons, { description: "More reasons may be added" }),
          message: t.String({ description: "For people: what happened, what to do" }),
        }),
        { description: "Originals that visitors get as a preview only; absent if there are none" },
      ),
    ),
  },
  { title: "ShareLink" },
);

export const newLinkSchema = t.Object(
  {
    ...linkSchema.properties,
    access_key: t.Optional(t.String({ description: "Shown once" })),
    url: t.Optional(t.String({ description: "Shown once" })),
    warning: t.Optional(t.String()),
  },
  { title: "NewShareLink" },
);

/** Without the key, which is not stored, and without the hash of the password. */
export function linkToWire(
  link: ShareLink,
  faults: Static<typeof linkSchema>["faults"] = [],
): Static<typeof linkSchema> {
  return {
    id: link.id,
    ...(link.photoId !== null && { photo_id: link.photoId }),
    ...(link.albumId !== null && { album_id: link.albumId }),
    ...(link.title !== null && { title: link.title }),
    ...(link.expiresAt && { expires_at: link.expiresAt.toISOString() }),
    has_password: link.passwordHash !== null,
    allow_download: link.allowDownload,
    show_metadata: link.showMetadata,
    ...(link.maxViews !== null && { max_views: link.maxViews }),
    view_count: link.viewCount,
    ...(link.lastAccessedAt && { last_accessed_at: link.lastAccessedAt.toISOString() }),
    created_at: link.createdAt.toISOString(),
    ...(link.revokedAt && { revoked_at: link.revokedAt.toISOString() }),
    ...(faults.length > 0 && { faults }),
  };
}
