import { findAttempt } from "#db/queries/attempts";
import { noteSourceImage } from "#db/queries/sending-ledgers";
import { findStep } from "#db/queries/steps";
import type { ActivityDeps } from "./deps";
import { giveUp } from "./failures";
import { withHeartbeat } from "./heartbeat";
import { sendSource } from "./sent-source";
import { sayingWhyItWaits } from "./waiting";

/** Brings a step's source picture to InvokeAI. */
export function createSourceActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function upload(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step?.sourceImageId || attempt.sourceImageName || attempt.postedAt) return;
    const { sourceImageId: photoId, parameters: size } = step;
    const imageName = await sendSource(deps, { photoId, size, backend: attempt.backend }, signal);
    if (imageName === undefined) {
      throw giveUp({
        code: "invokeai_generation_error",
        message: "The source image of this step is gone.",
        suggestion: "Choose another source image.",
      });
    }
    await noteSourceImage(db, { ledger: "attempts", batchId, imageName });
  }

  return {
    /** Once per backend and picture; a repeat after a lost answer leaves one more intermediate image there, which nothing names. */
    uploadSource: ({ batchId }: { batchId: string }): Promise<void> =>
      withHeartbeat((signal) => sayingWhyItWaits(db, batchId, () => upload(batchId, signal))),
  };
}
