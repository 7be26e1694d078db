import { findAlbumView } from "#db/queries/albums/album-views";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import {
  findShareLink,
  insertShareLink,
  lockShareLink,
  updateShareLink,
} from "#db/queries/shares/shares";
import type { ShareLink } from "#db/schema/shares";
import { conflict, type FieldFault, invalid, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { tidyTitle } from "../../fields/text";
import { createAccessKey, hashAccessKey } from "./key";
import type { linkBody, linkChange } from "./model";

type Deps = Pick<ApiDeps, "database" | "now" | "passwordCost">;

/**
 * Creates a link; `key` is undefined if the same request created it before, as the key is shown once.
 * @throws AppError validation_error, or not_found with `details.path`
 */
export async function createLink(
  deps: Deps,
  id: string,
  body: typeof linkBody.static,
): Promise<{ link: ShareLink; key: string | undefined }> {
  const { db } = deps.database;
  const had = await findShareLink(db, id);
  if (had) return { link: had, key: undefined };

  const photoId = body.photo_id ?? null;
  const albumId = body.album_id ?? null;
  const faults = expiryFaults(body.expires_at, deps.now());
  if ((photoId === null) === (albumId === null)) {
    faults.push({ path: "photo_id", message: "exactly one of photo_id and album_id" });
  }
  if (faults.length > 0) throw invalid("The link cannot be created; see details.errors.", faults);
  await checkTarget(deps, photoId, albumId);

  const key = createAccessKey();
  const link = await insertShareLink(db, {
    id,
    keyHash: hashAccessKey(key),
    photoId,
    albumId,
    title: tidyTitle(body.title ?? null),
    expiresAt: toDate(body.expires_at ?? null),
    passwordHash: await hashPassword(deps, body.password ?? null),
    allowDownload: body.allow_download ?? false,
    showMetadata: body.show_metadata ?? false,
    maxViews: body.max_views ?? null,
  });
  if (link) return { link, key };
  const made = await findShareLink(db, id);
  if (!made) throw notFound("link");
  return { link: made, key: undefined };
}

/** Changes only the given fields; in particular, no other change moves the expiry. */
export async function changeLink(
  deps: Deps,
  id: string,
  body: typeof linkChange.static,
): Promise<void> {
  const faults = expiryFaults(body.expires_at, deps.now());
  if (faults.length > 0) throw invalid("The link cannot be changed; see details.errors.", faults);
  const { title, password, max_views: maxViews } = body;
  const passwordHash = password === undefined ? undefined : await hashPassword(deps, password);
  await deps.database.db.transaction(async (tx) => {
    const link = await lockShareLink(tx, id);
    if (!link) throw notFound("link");
    if (link.revokedAt !== null) throw conflict("The link is revoked; create a new one.");
    if (maxViews !== undefined && maxViews !== null && maxViews < link.viewCount) {
      const message = `at least ${link.viewCount}, the number of visits so far`;
      throw invalid("The link has had more visits than that; choose a higher max_views.", [
        { path: "max_views", message },
      ]);
    }
    await updateShareLink(tx, {
      id,
      change: {
        ...(title !== undefined && { title: tidyTitle(title) }),
        ...(body.expires_at !== undefined && { expiresAt: toDate(body.expires_at) }),
        ...(passwordHash !== undefined && { passwordHash }),
        ...(body.allow_download !== undefined && { allowDownload: body.allow_download }),
        ...(body.show_metadata !== undefined && { showMetadata: body.show_metadata }),
        ...(maxViews !== undefined && { maxViews }),
      },
    });
  });
}

async function checkTarget(
  { database: { db } }: Deps,
  photoId: string | null,
  albumId: string | null,
): Promise<void> {
  const photo = photoId === null ? undefined : await findPhotoById(db, photoId);
  if (photoId !== null && photo?.deletedAt !== null) {
    throw notFound("photo", "photo_id");
  }
  if (albumId !== null && !(await findAlbumView(db, albumId))) throw notFound("album", "album_id");
}

function expiryFaults(expiresAt: string | null | undefined, now: Date): FieldFault[] {
  const isPast = typeof expiresAt === "string" && !(new Date(expiresAt) > now);
  return isPast ? [{ path: "expires_at", message: "a moment in the future" }] : [];
}

const toDate = (moment: string | null) => (moment === null ? null : new Date(moment));

async function hashPassword({ passwordCost }: Deps, password: string | null) {
  if (password === null) return null;
  return Bun.password.hash(password, { algorithm: "argon2id", ...passwordCost });
}
