import { failSlot, findAttempt, listSlots } from "#db/queries/steps/attempts";
import { noteSourceImage } from "#db/queries/steps/sending-ledgers";
import { findStep } from "#db/queries/steps/steps";
import type { Attempt, ImageNames, Slot, Step } from "#db/schema/steps";
import type { ActivityDeps } from "../deps";
import { permanentFailure } from "../failures";
import { withHeartbeat } from "../heartbeat";
import { ensurePaintedParts, isPainted } from "./painted-parts";
import { pictureRole } from "./step-graph";
import { ensureUploadedSource } from "./uploaded-source";
import { withWaitMessage } from "./wait-message";

/** Uploads the pictures that a step is made from to InvokeAI. */
export function createSourceActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function upload(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step || attempt.postedAt) return;
    // Its images are uploaded with its graph.
    if (step.recipeId !== null) return;
    const enlarging = (await listSlots(db, step.id)).filter(({ enlargement }) => enlargement);
    if (enlarging.length > 0) return uploadPictures({ step, attempt, slots: enlarging }, signal);
    if (!step.sourceImageId || attempt.sourceImageName) return;
    const { sourceImageId: photoId, maskHash, parameters } = step;
    const { backend } = attempt;
    if (isPainted({ maskHash, ...parameters })) {
      const painted = { ...parameters, photoId, maskHash, backend };
      const names = await ensurePaintedParts(deps, painted, signal);
      if (names === undefined) throw sourceGone();
      const { source: imageName, ...imageNames } = names;
      await noteSourceImage(db, { ledger: "attempts", batchId, imageName, imageNames });
      return;
    }
    const source = { photoId, size: parameters, backend };
    const imageName = await ensureUploadedSource(deps, source, signal);
    if (imageName === undefined) throw sourceGone();
    await noteSourceImage(db, { ledger: "attempts", batchId, imageName });
  }

  /** The pictures of a step that enlarges several. The slot of one that is gone fails; the others go on. */
  async function uploadPictures(
    wanted: { step: Step; attempt: Attempt; slots: Slot[] },
    signal: AbortSignal,
  ): Promise<void> {
    const { step, attempt } = wanted;
    const { batchId, backend, slotIndexes } = attempt;
    if (Object.keys(attempt.imageNames).length > 0) return;
    const imageNames: ImageNames = {};
    for (const { index, sourceImageId: photoId, enlargement, status } of wanted.slots) {
      if (status !== "open" || !slotIndexes.includes(index)) continue;
      const source = photoId !== null && enlargement && { photoId, size: enlargement, backend };
      const imageName = source ? await ensureUploadedSource(deps, source, signal) : undefined;
      if (imageName === undefined)
        await failSlot(db, { stepId: step.id, index, error: pictureGone });
      else imageNames[pictureRole(index)] = imageName;
    }
    if (Object.keys(imageNames).length === 0) throw permanentFailure(pictureGone);
    await noteSourceImage(db, { ledger: "attempts", batchId, imageName: null, imageNames });
  }

  return {
    /**
     * Once per backend and image. A repeat after a lost answer leaves another intermediate image there that nothing
     * references.
     */
    uploadSource: ({ batchId }: { batchId: string }): Promise<void> =>
      withHeartbeat((signal) => withWaitMessage(deps, batchId, () => upload(batchId, signal))),
  };
}

const pictureGone = {
  code: "invokeai_generation_error",
  message: "The photo to enlarge is gone.",
  suggestion: "Enlarge another one.",
} as const;

function sourceGone() {
  return permanentFailure({
    code: "invokeai_generation_error",
    message: "The source image of this step is gone.",
    suggestion: "Choose another source image.",
  });
}
