import { findAttempt, noteSourceImage } from "#db/queries/attempts";
import { findPhotoById } from "#db/queries/photo-lookup";
import { findStep } from "#db/queries/steps";
import { originalKey } from "#media/keys";
import { prepareSource } from "#media/source";
import type { ActivityDeps } from "./deps";
import { giveUp } from "./failures";
import { withHeartbeat } from "./heartbeat";
import { sayingWhyItWaits } from "./waiting";

/** Brings a step's source picture to InvokeAI. */
export function createSourceActivities(deps: ActivityDeps) {
  const { db } = deps.database;

  async function upload(batchId: string, signal: AbortSignal): Promise<void> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step?.sourceImageId || attempt.sourceImageName || attempt.postedAt) return;
    const photo = await findPhotoById(db, step.sourceImageId);
    const key = photo?.mimeType
      ? originalKey({ kind: photo.kind, id: photo.id, mimeType: photo.mimeType })
      : undefined;
    const png =
      key &&
      (await deps.storage.withLocalFile(key, (path) =>
        prepareSource(path, step.parameters, deps.decodeLimits),
      ));
    if (!png) {
      throw giveUp({
        code: "invokeai_generation_error",
        message: "The source image of this step is gone.",
        suggestion: "Choose another source image.",
      });
    }
    // Named by nothing of the owner's: InvokeAI may run on somebody else's machine.
    const invokeai = await deps.invokeai(attempt.backend);
    const imageName = await invokeai.uploadImage(
      { bytes: new Blob([new Uint8Array(png)]), filename: "source.png", mimeType: "image/png" },
      signal,
    );
    await noteSourceImage(db, { batchId, imageName });
  }

  return {
    /** Once per attempt; a repeat after a lost answer leaves one more intermediate image there, which nothing names. */
    uploadSource: ({ batchId }: { batchId: string }): Promise<void> =>
      withHeartbeat((signal) => sayingWhyItWaits(db, batchId, () => upload(batchId, signal))),
  };
}
