import { insertEvents } from "#db/queries/events/events";
import { findStepOfSession, setSelectedImage } from "#db/queries/generation/step-requests";
import { conflict } from "#errors";
import type { ApiDeps } from "../../deps";
import { keyedId } from "../../http/keyed-id";
import { checkPicture } from "./source";
import { lockStep, notifySession } from "./steps";
import { type UpscaleWish, writeFinishingStep } from "./upscale";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId" | "installation">;

export type Selection = {
  stepId: string;
  /** null clears the selection. */
  imageId: string | null;
  path: string;
  /** Also requests a step that enlarges the image. */
  finish?: UpscaleWish | undefined;
};

/**
 * Selects an image of the step. Finishing one image of a step a second time requests nothing.
 * @returns the id of the step that enlarges the image, if that was requested
 * @throws AppError not_found, conflict; for `finish` also validation_error, invokeai_model_error
 */
export async function selectImage(
  deps: Deps,
  { stepId, imageId, path, finish }: Selection,
): Promise<string | undefined> {
  const requested = await deps.database.db.transaction(async (tx) => {
    const { step, session } = await lockStep(tx, stepId);
    if (session.status !== "active") throw conflict(`The session is ${session.status}.`);
    if (imageId !== null) await checkPicture(tx, { photoId: imageId, path, stepId });
    const sessionId = session.id;
    const selected = {
      type: "step.selected" as const,
      sessionId,
      data: { step_id: stepId, selected_image_id: imageId },
    };
    const isNew = step.selectedImageId !== imageId;
    if (isNew) await setSelectedImage(tx, { stepId, imageId });
    if (!finish || imageId === null) {
      if (isNew) await insertEvents(tx, [selected]);
      return undefined;
    }
    const id = keyedId(deps.installation, "finish", `${stepId}/${imageId}`);
    const isRequested = await findStepOfSession(tx, { sessionId, stepId: id });
    const place = { id, session, parentId: stepId, imageId, wish: finish };
    await insertEvents(tx, [
      ...(isNew ? [selected] : []),
      ...(isRequested ? [] : [await writeFinishingStep(deps, tx, place)]),
    ]);
    return { stepId: id, sessionId };
  });
  // Also of a repeat: the first notification may have been lost.
  if (requested) await notifySession(deps, requested);
  return requested?.stepId;
}
