import { findPhotoById } from "#db/queries/photo-lookup";
import { insertReproduction } from "#db/queries/reproductions";
import { conflict, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import type { PhotoBody } from "./model";
import { showPhoto } from "./show";

/**
 * Has a photo's recorded graph run again. While that is under way, asking again changes nothing. The row decides: when
 * the workflow service cannot be told, the run starts by itself later.
 * @param id of the request
 * @throws AppError not_found; conflict for a photo that has no graph of ours, or not its bytes
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
      "Only a picture that was generated here can be made again; ask for a variation of this one instead.",
    );
  }
  if (photo.retrievalStatus !== "completed") {
    throw conflict("The image has not been fetched from InvokeAI yet; try again once it is.");
  }
  await insertReproduction(db, { id, photoId });
  await deps.temporal.reproductionRequested(photoId);
  return showPhoto(deps, photo);
}
