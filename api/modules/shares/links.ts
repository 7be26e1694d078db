import { findAlbumView } from "#db/queries/albums";
import { findPhotoById } from "#db/queries/photo-lookup";
import { findShareLink, insertShareLink, lockShareLink, updateShareLink } from "#db/queries/shares";
import type { ShareLink } from "#db/schema/shares";
import { AppError, conflict, type FieldFault, invalid, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { tidyTitle } from "../../text";
import { createAccessKey, hashAccessKey } from "./key";
import type { linkBody, linkChange } from "./model";

type Deps = Pick<ApiDeps, "database" | "now">;

/**
 * Makes a link; `key` is undefined where the same request made it before: the key is shown once.
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
  if (faults.length > 0) throw invalid("The link cannot be made; see details.errors.", faults);
  await checkTarget(deps, photoId, albumId);

  const key = createAccessKey();
  const link = await insertShareLink(db, {
    id,
    keyHash: hashAccessKey(key),
    photoId,
    albumId,
    title: tidyTitle(body.title ?? null),
    expiresAt: toDate(body.expires_at ?? null),
    passwordHash: await hashPassword(body.password ?? null),
    allowDownload: body.allow_download ?? false,
    showMetadata: body.show_metadata ?? false,
    maxViews: body.max_views ?? null,
  });
  if (link) return { link, key };
  const made = await findShareLink(db, id);
  if (!made) throw notFound("link");
  return { link: made, key: undefined };
}

/** Changes exactly what is named; nothing else, above all not the expiry. */
export async function changeLink(
  deps: Deps,
  id: string,
  body: typeof linkChange.static,
): Promise<void> {
  const faults = expiryFaults(body.expires_at, deps.now());
  if (faults.length > 0) throw invalid("The link cannot be changed; see details.errors.", faults);
  const { title, password, max_views: maxViews } = body;
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  await deps.database.db.transaction(async (tx) => {
    const link = await lockShareLink(tx, id);
    if (!link) throw notFound("link");
    if (link.revokedAt !== null) throw conflict("The link is revoked; make a new one.");
    if (maxViews !== undefined && maxViews !== null && maxViews < link.viewCount) {
      const message = `at least ${link.viewCount}, as often as it was opened already`;
      throw invalid("The link was opened more often.", [{ path: "max_views", message }]);
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
    throw missing("photo", "photo_id");
  }
  if (albumId !== null && !(await findAlbumView(db, albumId))) throw missing("album", "album_id");
}

function missing(what: string, path: string): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: `There is no such ${what}.`,
    details: { path },
  });
}

function expiryFaults(expiresAt: string | null | undefined, now: Date): FieldFault[] {
  const isPast = typeof expiresAt === "string" && !(new Date(expiresAt) > now);
  return isPast ? [{ path: "expires_at", message: "a moment in the future" }] : [];
}

const toDate = (moment: string | null) => (moment === null ? null : new Date(moment));

async function hashPassword(password: string | null): Promise<string | null> {
  return password === null ? null : Bun.password.hash(password, "argon2id");
}
