import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { insertReproduction } from "#db/queries/reproductions/reproductions";
import { conflict, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import type { PhotoBody } from "./model";
import { showPhoto } from "./show";

/**
 * Requests a new run of a photo's recorded graph. While one is open, another request changes nothing. The request is a
 * row: if the workflow service is unavailable, reconcile starts the run later.
 * @param id of the request
 * @throws AppError not_found; conflict for a photo that was not generated here, is in the trash or has not been fetched
 */
export async function requestReproduction(
  deps: ApiDeps,
  { id, photoId }: { id: string; photoId: string },
): Promise<PhotoBody> {
  const { db } = deps.database;
  const photo = await findPhotoById(db, photoId);
  if (!photo) throw notFound("photo");
  if (photo.deletedAt !== null) throw conflict("The image is in the trash; restore it first.");
  if (photo.kind !== "generated") {
    throw conflict(
      "Only a photo that was generated here can be reproduced; request a variation of this one instead.",
    );
  }
  if (photo.retrievalStatus !== "completed") {
    throw conflict("The image has not been fetched from InvokeAI yet; try again once it is.");
  }
  await insertReproduction(db, { id, photoId });
  await deps.temporal.reproductionRequested(photoId);
  return showPhoto(deps, photo);
}
