import type { Photo } from "#db/schema/photos";
import type { ActivityDeps } from "../deps";
import {
  ensureUploadedPicture,
  ensureUploadedSource,
  hasImage,
} from "../generation/uploaded-source";

/**
 * InvokeAI's name of the source image of a photo: the recorded one, or a new one if it has to be uploaded again, cropped in
 * the same way. undefined when the gallery no longer has it either.
 */
export async function ensureReproductionSource(
  deps: ActivityDeps,
  params: { photo: Photo; known: string; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { known, backend } = params;
  if (await hasImage(await deps.invokeai(backend), known, signal)) return known;
  const { sourceImageId: photoId, generation } = params.photo;
  const { width, height } = generation ?? {};
  if (photoId !== null && generation?.recipe) {
    return ensureUploadedPicture(deps, { photoId, backend }, signal);
  }
  if (photoId === null || width === undefined || height === undefined) return undefined;
  return ensureUploadedSource(deps, { photoId, size: { width, height }, backend }, signal);
}
