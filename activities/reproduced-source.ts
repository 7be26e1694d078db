import type { Photo } from "#db/schema/photos";
import type { ActivityDeps } from "./deps";
import { hasImage, sendSource } from "./sent-source";

/**
 * What InvokeAI calls the picture that a photo was made from: as it was recorded, or by a new name when it has to be sent
 * again, cut in the same way. undefined when it is gone here as well.
 */
export async function bringSource(
  deps: ActivityDeps,
  params: { photo: Photo; known: string; backend: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { known, backend } = params;
  if (await hasImage(await deps.invokeai(backend), known, signal)) return known;
  const { sourceImageId: photoId, generation } = params.photo;
  const { width, height } = generation ?? {};
  if (photoId === null || width === undefined || height === undefined) return undefined;
  return sendSource(deps, { photoId, size: { width, height }, backend }, signal);
}
