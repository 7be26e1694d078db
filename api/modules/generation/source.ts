import type { Db, Tx } from "#db/client";
import { findPictureState, findStepOfSession } from "#db/queries/generation/step-requests";
import type { Session } from "#db/schema/sessions";
import type { Step } from "#db/schema/steps";
import { conflict, notFound } from "#errors";

/**
 * The source image of a new step: its own, else the selected image of its parent, else the session's source, else null.
 * @throws AppError not_found for an unknown id, conflict for an image that cannot be used now
 */
export async function resolveSource(
  tx: Tx,
  params: { session: Session; parent: Step | null; sourceImageId: string | null },
): Promise<string | null> {
  const { session, parent, sourceImageId } = params;
  if (sourceImageId !== null) {
    await checkPicture(tx, { photoId: sourceImageId, path: "source_image_id" });
    return sourceImageId;
  }
  const inherited = parent?.selectedImageId ?? session.sourceImageId;
  if (inherited === null && session.entryType === "refinement") {
    throw conflict("The session's source image was deleted; name another as source_image_id.");
  }
  if (inherited !== null) await checkPicture(tx, { photoId: inherited, path: "parent_id" });
  return inherited;
}

/** The parent that a request names. It must be a step of the same session. */
export async function findParent(
  tx: Tx,
  params: { sessionId: string; parentId: string },
): Promise<Step> {
  const parent = await findStepOfSession(tx, { ...params, stepId: params.parentId });
  if (!parent) throw notFound("step", "parent_id");
  return parent;
}

/**
 * Checks that an image exists, is of the step if one is given, is not in the trash and has been fetched.
 * @throws AppError not_found with `details.path`, or conflict
 */
export async function checkPicture(
  tx: Db | Tx,
  params: { photoId: string; path: string; stepId?: string },
): Promise<void> {
  const photo = await findPictureState(tx, params.photoId);
  if (!photo) throw notFound("photo", params.path);
  if (params.stepId !== undefined && photo.stepId !== params.stepId) {
    throw conflict("The image is not of this step; choose one of its alternatives.");
  }
  if (photo.deletedAt !== null) throw conflict("The image is in the trash; restore it first.");
  if (photo.retrievalStatus !== "completed") {
    throw conflict("The image has not been fetched from InvokeAI yet; try again once it is.");
  }
}
