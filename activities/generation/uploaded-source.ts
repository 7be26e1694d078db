import { ProviderError } from "#errors";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { findUploadedSource, noteUploadedSource } from "#db/queries/steps/uploaded-sources";
import { originalKey } from "#media/storage/keys";
import { preparePicture, prepareSource } from "#media/pictures/source";
import { sha256Of } from "#sha256";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import type { ActivityDeps } from "../deps";

type Deps = Pick<ActivityDeps, "database" | "storage" | "decodeLimits" | "invokeai" | "now">;

/**
 * The backend's name of a photo that was cropped to a size; uploads it if the backend does not have it. undefined when the
 * photo no longer exists in the gallery.
 */
export async function ensureUploadedSource(
  deps: Deps,
  source: { photoId: string; size: { width: number; height: number }; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { photoId, size, backend } = source;
  const png = await withPhoto(deps, photoId, (path) =>
    prepareSource(path, size, deps.decodeLimits),
  );
  return png && ensureUploaded(deps, { png, backend }, signal);
}

/** The same for a whole photo in its own size, within limits. */
export async function ensureUploadedPicture(
  deps: Deps,
  { photoId, backend }: { photoId: string; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const png = await withPhoto(deps, photoId, (path) => preparePicture(path, deps.decodeLimits));
  return png && ensureUploaded(deps, { png, backend }, signal);
}

/** Calls `use` with a path to a photo's original; undefined when the gallery no longer has it. */
export async function withPhoto<T>(
  { database, storage }: Pick<Deps, "database" | "storage">,
  photoId: string,
  use: (path: string) => Promise<T>,
): Promise<T | undefined> {
  const photo = await findPhotoById(database.db, photoId);
  if (!photo?.mimeType) return undefined;
  const key = originalKey({ kind: photo.kind, id: photo.id, mimeType: photo.mimeType });
  return storage.withLocalFile(key, use);
}

/** The backend's name of a picture; uploads it if the backend does not have it. */
export async function ensureUploaded(
  deps: Pick<Deps, "database" | "invokeai" | "now">,
  { png, backend }: { png: Uint8Array; backend: string },
  signal: AbortSignal,
): Promise<string> {
  const { db } = deps.database;
  const bytes = new Uint8Array(png);
  const contentHash = sha256Of(bytes);
  const invokeai = await deps.invokeai(backend);
  const known = await findUploadedSource(db, { backend, contentHash });
  if (known !== undefined && (await hasImage(invokeai, known, signal))) return known;
  // No name of the owner's: InvokeAI may run on another person's machine.
  const imageName = await invokeai.uploadImage(
    { bytes: new Blob([bytes]), filename: "source.png", mimeType: "image/png" },
    signal,
  );
  await noteUploadedSource(db, { backend, contentHash, imageName, now: deps.now() });
  return imageName;
}

/** False when it was deleted there, or belongs to another account: either way it has to be uploaded. */
export async function hasImage(
  invokeai: InvokeAiClient,
  imageName: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await invokeai.getImage(imageName, signal);
    return true;
  } catch (error) {
    if (error instanceof ProviderError && !error.retryable) return false;
    throw error;
  }
}
