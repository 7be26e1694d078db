import type { Tx } from "#db/client";
import { findPictureState, findStepOfSession } from "#db/queries/generation-requests";
import type { Session } from "#db/schema/sessions";
import type { Step } from "#db/schema/steps";
import { AppError, conflict } from "#errors";

/** The 404 of an id in a body that names nothing. */
function unknownInBody(what: string, path: string): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: `There is no such ${what}.`,
    details: { path },
  });
}

/**
 * What a new step starts from: its own source image, else the selected image of the parent it names, else the
 * session's source, else nothing.
 * @throws AppError not_found for an id that names nothing, conflict for a picture that cannot be used now
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

/** The parent a request names, which is a step of the same session. */
export async function findParent(
  tx: Tx,
  params: { sessionId: string; parentId: string },
): Promise<Step> {
  const parent = await findStepOfSession(tx, { ...params, stepId: params.parentId });
  if (!parent) throw unknownInBody("step", "parent_id");
  return parent;
}

/**
 * A picture that a person names must be there to be looked at.
 * @throws AppError not_found with `details.path`, or conflict
 */
export async function checkPicture(
  tx: Tx,
  params: { photoId: string; path: string; stepId?: string },
): Promise<void> {
  const photo = await findPictureState(tx, params.photoId);
  if (!photo || (params.stepId !== undefined && photo.stepId !== params.stepId)) {
    throw unknownInBody("photo", params.path);
  }
  if (photo.deletedAt !== null) throw conflict("The image is in the trash; restore it first.");
  if (photo.retrievalStatus !== "completed") {
    throw conflict("The image has not been fetched from InvokeAI yet; try again once it is.");
  }
}
