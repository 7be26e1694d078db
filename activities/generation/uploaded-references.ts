import type { ImageNames } from "#db/schema/steps";
import type { Reference } from "#generation-references";
import { referencePicture } from "../adapters/invokeai/graphs/index";
import type { ActivityDeps } from "../deps";
import { ensureUploadedPicture, ensureUploadedSource } from "./uploaded-source";

/**
 * The backend's names of the pictures that an image is conditioned on, by role in the graph; uploads those that the backend
 * does not have. A control map lies on the image, so that it is cropped to its shape. undefined when the gallery no longer
 * has one of them.
 */
export async function ensureUploadedReferences(
  deps: ActivityDeps,
  made: {
    references: readonly Reference[];
    size: { width: number; height: number };
    backend: string;
  },
  signal: AbortSignal,
): Promise<ImageNames | undefined> {
  const { references, size, backend } = made;
  const names: ImageNames = {};
  for (const [at, { imageId: photoId, role }] of references.entries()) {
    const name =
      role === "control"
        ? await ensureUploadedSource(deps, { photoId, size, backend }, signal)
        : await ensureUploadedPicture(deps, { photoId, backend }, signal);
    if (name === undefined) return undefined;
    names[referencePicture(at)] = name;
  }
  return names;
}
