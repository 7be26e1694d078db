import { findAttempt } from "#db/queries/steps/attempts";
import { noteSourceImage } from "#db/queries/steps/sending-ledgers";
import { findStep } from "#db/queries/steps/steps";
import type { ActivityDeps } from "../deps";
import { permanentFailure } from "../failures";
import { withHeartbeat } from "../heartbeat";
import { ensureUploadedSource } from "./uploaded-source";
import { withWaitMessage } from "./wait-message";

/** Uploads a step's source image to InvokeAI. */
export function createSourceActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function upload(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step?.sourceImageId || attempt.sourceImageName || attempt.postedAt) return;
    // Its images are uploaded with its graph.
    if (step.recipeId !== null) return;
    const { sourceImageId: photoId, parameters: size } = step;
    const imageName = await ensureUploadedSource(
      deps,
      { photoId, size, backend: attempt.backend },
      signal,
    );
    if (imageName === undefined) {
      throw permanentFailure({
        code: "invokeai_generation_error",
        message: "The source image of this step is gone.",
        suggestion: "Choose another source image.",
      });
    }
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
