import { AppError, notFound } from "#errors";
import { findPhotoById } from "#db/queries/photo-lookup";
import type { Photo } from "#db/schema/photos";
import { originalKey, previewKey, thumbnailKey } from "#media/keys";
import { inlineAs } from "../../content-disposition";
import type { ApiDeps } from "../../deps";
import { answerFile } from "../../file-answer";
import { derivativeVersion, versionOf } from "./model";
import { showPhoto } from "./show";

const forEver = "private, max-age=31536000, immutable";
const ask = "private, no-cache";
/** How soon a picture that is being fetched is worth another look. */
const retryAfterSeconds = "2";

/** The original bytes, untouched; 202 while they are still to be fetched. */
export async function answerOriginal(
  deps: ApiDeps,
  request: Request,
  photo: Photo,
  version: string | undefined,
): Promise<Response> {
  const { mimeType, contentHash } = photo;
  if (photo.retrievalStatus !== "completed" || mimeType === null || contentHash === null) {
    return answerNotRetrieved(deps, photo);
  }
  const file = await deps.storage.find(originalKey({ ...photo, mimeType }));
  if (!file) throw bytesGone();
  return answerFile(request, file, {
    mimeType,
    etag: `"${contentHash}"`,
    cacheControl: version === versionOf(photo) ? forEver : ask,
    headers: { vary: "Accept", "content-disposition": inlineAs(photo.filename) },
  });
}

/**
 * A derivative, found by the id alone: the row is read only where there is no file. Its ETag is made
 * of size and time of the file, which is only ever replaced as a whole.
 */
export async function answerDerivative(
  deps: ApiDeps,
  request: Request,
  which: "thumbnail" | "preview",
  id: string,
  version: string | undefined,
): Promise<Response> {
  const file = await deps.storage.find(which === "thumbnail" ? thumbnailKey(id) : previewKey(id));
  if (file) {
    const changed = file.modifiedAt.getTime();
    return answerFile(request, file, {
      mimeType: "image/webp",
      etag: `"${file.bytes.toString(36)}-${changed.toString(36)}"`,
      cacheControl: version === derivativeVersion ? forEver : ask,
    });
  }
  const photo = await findPhotoById(deps.database.db, id);
  if (!photo) throw notFound("photo");
  if (photo.retrievalStatus === "completed") throw bytesGone();
  return answerNotRetrieved(deps, photo);
}

async function answerNotRetrieved(deps: ApiDeps, photo: Photo): Promise<Response> {
  if (photo.retrievalStatus === "failed") {
    throw new AppError({
      kind: "provider",
      code: "invokeai_retrieval_error",
      message: `The picture could not be fetched; try POST /api/v1/photos/${photo.id}/retry.`,
      details: { attempts: photo.retrievalAttempts, reason: photo.retrievalError },
    });
  }
  return Response.json(await showPhoto(deps, photo), {
    status: 202,
    headers: { "retry-after": retryAfterSeconds, "cache-control": "no-store", vary: "Accept" },
  });
}

export function bytesGone(): AppError {
  return new AppError({
    kind: "internal",
    code: "server_error",
    message: "The file of this photo is not where it should be; restore it from a backup.",
  });
}
