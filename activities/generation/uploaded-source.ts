import { ProviderError } from "#errors";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { findUploadedSource, noteUploadedSource } from "#db/queries/steps/uploaded-sources";
import { originalKey } from "#media/storage/keys";
import { preparePicture, prepareSource } from "#media/pictures/source";
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
  const prepare = (path: string) => prepareSource(path, source.size, deps.decodeLimits);
  return ensureUploaded(deps, { ...source, prepare }, signal);
}

/** The same for a whole photo in its own size, within limits. */
export async function ensureUploadedPicture(
  deps: Deps,
  picture: { photoId: string; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const prepare = (path: string) => preparePicture(path, deps.decodeLimits);
  return ensureUploaded(deps, { ...picture, prepare }, signal);
}

async function ensureUploaded(
  deps: Deps,
  picture: { photoId: string; backend: string; prepare: (path: string) => Promise<Uint8Array> },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { db } = deps.database;
  const photo = await findPhotoById(db, picture.photoId);
  if (!photo?.mimeType) return undefined;
  const key = originalKey({ kind: photo.kind, id: photo.id, mimeType: photo.mimeType });
  const png = await deps.storage.withLocalFile(key, picture.prepare);
  if (!png) return undefined;
  const bytes = new Uint8Array(png);
  const { backend } = picture;
  const contentHash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
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
