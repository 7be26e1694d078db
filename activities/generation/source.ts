import { findAttempt } from "#db/queries/steps/attempts";
import { noteSourceImage } from "#db/queries/steps/sending-ledgers";
import { findStep } from "#db/queries/steps/steps";
import type { ActivityDeps } from "../deps";
import { permanentFailure } from "../failures";
import { withHeartbeat } from "../heartbeat";
import { ensurePaintedParts, isPainted } from "./painted-parts";
import { ensureUploadedSource } from "./uploaded-source";
import { withWaitMessage } from "./wait-message";

/** Uploads the pictures that a step is made from to InvokeAI. */
export function createSourceActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function upload(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step?.sourceImageId || attempt.sourceImageName || attempt.postedAt) return;
    // Its images are uploaded with its graph.
    if (step.recipeId !== null) return;
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

  return {
    /**
     * Once per backend and image. A repeat after a lost answer leaves another intermediate image there that nothing
     * references.
     */
    uploadSource: ({ batchId }: { batchId: string }): Promise<void> =>
      withHeartbeat((signal) => withWaitMessage(deps, batchId, () => upload(batchId, signal))),
  };
}

function sourceGone() {
  return permanentFailure({
    code: "invokeai_generation_error",
    message: "The source image of this step is gone.",
    suggestion: "Choose another source image.",
  });
}
