import { AppError, notFound } from "#errors";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import type { Photo } from "#db/schema/photos";
import { bodyOf } from "#media/storage/content";
import { previewKey, thumbnailKey } from "#media/storage/keys";
import { repairDerivatives } from "#library/derivatives";
import { findOriginal, originalOf } from "#library/original";
import type { StoredFile } from "#media/storage/storage";
import { inlineAs } from "../../http/responses/content-disposition";
import type { ApiDeps, RouteDeps } from "../../deps";
import { addDefaultHeaders } from "../../http/responses/default-headers";
import { answerFile } from "../../http/responses/file-answer";
import { isUuid } from "../../fields/ids";
import type { IncomingRequest } from "../../http/request";
import { derivativeVersion, versionOf } from "./model";
import { showPhoto } from "./show";

const immutable = "private, max-age=31536000, immutable";
const revalidate = "private, no-cache";
/** How soon a client should ask again for an image that is being fetched. */
const retryAfterSeconds = "2";

/** The unchanged original; 202 while it has not been fetched. */
export async function answerOriginal(
  deps: ApiDeps,
  request: Request,
  photo: Photo,
  version: string | undefined,
): Promise<Response> {
  const original = originalOf(photo);
  if (!original || photo.contentHash === null) return answerNotRetrieved(deps, photo);
  const file = await findOriginal(deps.storage, original);
  if (!file) throw originalMissing();
  return answerFile(request, file, {
    mimeType: original.mimeType,
    etag: `"${photo.contentHash}"`,
    cacheControl: version === versionOf(photo) ? immutable : revalidate,
    headers: { vary: "Accept", "content-disposition": inlineAs(photo.filename) },
  });
}

/** Answers from the file alone; undefined if a row must be read or the query must be checked. */
export function answerDerivativeEarly(
  { pictures }: Pick<RouteDeps, "pictures">,
  { request }: IncomingRequest,
  which: "thumbnail" | "preview",
  id: string | undefined,
): Response | undefined | Promise<Response | undefined> {
  const plain = /^[^?]*(?:\?v=(\w{1,32}))?$/.exec(request.url);
  if (id === undefined || !isUuid(id) || !plain) return undefined;
  const [, version] = plain;
  const key = keyOf[which](id);
  // Any client may keep this version for a year, so that a check a second is enough.
  const recent = version === derivativeVersion ? pictures.findRecent(key) : undefined;
  if (recent) return answerKept(request, recent);
  return pictures.find(key).then((stored) => stored && answerWebp(request, stored, version));
}

/** The headers of whole files, for each version of a file in the cache: copying them is faster than making them. */
const wholeHeaders = new WeakMap<StoredFile, Headers>();

function answerKept(request: Request, file: StoredFile): Response {
  const isWhole = !request.headers.has("if-none-match") && !request.headers.has("range");
  const known = wholeHeaders.get(file);
  if (known && isWhole) return new Response(bodyOf(file), { headers: known });
  const response = answerWebp(request, file, derivativeVersion);
  if (isWhole) {
    const headers = new Headers(response.headers);
    addDefaultHeaders(headers);
    wholeHeaders.set(file, headers);
  }
  return response;
}

const keyOf = { thumbnail: thumbnailKey, preview: previewKey };

/**
 * Finds a derivative by the id alone. The row is read only if the file is missing, to recreate it from the original.
 * Size and modification time suffice as ETag, because a file is only ever replaced as a whole.
 */
export async function answerDerivative(
  deps: ApiDeps,
  request: Request,
  which: "thumbnail" | "preview",
  id: string,
  version: string | undefined,
): Promise<Response> {
  const stored = await deps.storage.find(keyOf[which](id));
  if (stored) return answerWebp(request, stored, version);
  const photo = await findPhotoById(deps.database.db, id);
  if (!photo) throw notFound("photo");
  const original = originalOf(photo);
  if (!original) return answerNotRetrieved(deps, photo);
  const made = await repairDerivatives(deps.storage, original, deps.decodeLimits);
  if (!made) throw originalMissing();
  return answerWebp(request, made[which], version);
}

function answerWebp(request: Request, file: StoredFile, version: string | undefined): Response {
  const changed = file.modifiedAt.getTime();
  return answerFile(request, file, {
    mimeType: "image/webp",
    etag: `"${file.bytes.toString(36)}-${changed.toString(36)}"`,
    cacheControl: version === derivativeVersion ? immutable : revalidate,
  });
}

async function answerNotRetrieved(deps: ApiDeps, photo: Photo): Promise<Response> {
  if (photo.retrievalStatus === "failed") {
    throw new AppError({
      kind: "provider",
      code: "invokeai_retrieval_error",
      message: `The image could not be fetched from InvokeAI; try POST /api/v1/photos/${photo.id}/retry.`,
      details: { attempts: photo.retrievalAttempts, reason: photo.retrievalError },
    });
  }
  return Response.json(await showPhoto(deps, photo), {
    status: 202,
    headers: { "retry-after": retryAfterSeconds, "cache-control": "no-store", vary: "Accept" },
  });
}

export function originalMissing(): AppError {
  return new AppError({
    kind: "internal",
    code: "server_error",
    message: "The file of this photo is missing; restore it from a backup or upload it again.",
  });
}
