import { ProviderError } from "#errors";
import { findPhotoById } from "#db/queries/photo-lookup";
import { findUploadedSource, noteUploadedSource } from "#db/queries/uploaded-sources";
import { originalKey } from "#media/keys";
import { prepareSource } from "#media/source";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import type { ActivityDeps } from "./deps";

type Deps = Pick<ActivityDeps, "database" | "storage" | "decodeLimits" | "invokeai" | "now">;

/**
 * The name under which a backend has a photo, cut to a size; it gets it when it does not have it. undefined when the photo
 * is gone here.
 */
export async function sendSource(
  deps: Deps,
  source: { photoId: string; size: { width: number; height: number }; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { db } = deps.database;
  const photo = await findPhotoById(db, source.photoId);
  if (!photo?.mimeType) return undefined;
  const key = originalKey({ kind: photo.kind, id: photo.id, mimeType: photo.mimeType });
  const png = await deps.storage.withLocalFile(key, (path) =>
    prepareSource(path, source.size, deps.decodeLimits),
  );
  if (!png) return undefined;
  const bytes = new Uint8Array(png);
  const { backend } = source;
  const contentHash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const invokeai = await deps.invokeai(backend);
  const known = await findUploadedSource(db, { backend, contentHash });
  if (known !== undefined && (await hasImage(invokeai, known, signal))) return known;
  // Named by nothing of the owner's: InvokeAI may run on somebody else's machine.
  const imageName = await invokeai.uploadImage(
    { bytes: new Blob([bytes]), filename: "source.png", mimeType: "image/png" },
    signal,
  );
  await noteUploadedSource(db, { backend, contentHash, imageName, now: deps.now() });
  return imageName;
}

/** False when it was deleted there, or is of an account that is not ours any more: either way it has to be sent. */
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
