import { ProviderError } from "#errors";
import { findPhotoById } from "#db/queries/photo-lookup";
import type { Photo } from "#db/schema/photos";
import { originalKey } from "#media/keys";
import { prepareSource } from "#media/source";
import type { ActivityDeps } from "./deps";

/**
 * What InvokeAI calls the picture that a photo was made from: as it was recorded, or by a new name when it has to be sent
 * again, cut in the same way. undefined when it is gone here as well.
 */
export async function bringSource(
  deps: Pick<ActivityDeps, "database" | "storage" | "decodeLimits" | "invokeai">,
  params: { photo: Photo; known: string; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const invokeai = await deps.invokeai(params.backend);
  try {
    await invokeai.getImage(params.known, signal);
    return params.known;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.retryable) throw error;
  }
  const { sourceImageId, generation } = params.photo;
  const source =
    sourceImageId === null ? undefined : await findPhotoById(deps.database.db, sourceImageId);
  const { width, height } = generation ?? {};
  if (!source?.mimeType || width === undefined || height === undefined) return undefined;
  const key = originalKey({ kind: source.kind, id: source.id, mimeType: source.mimeType });
  const png = await deps.storage.withLocalFile(key, (path) =>
    prepareSource(path, { width, height }, deps.decodeLimits),
  );
  if (!png) return undefined;
  const bytes = new Blob([new Uint8Array(png)]);
  return invokeai.uploadImage({ bytes, filename: "source.png", mimeType: "image/png" }, signal);
}
