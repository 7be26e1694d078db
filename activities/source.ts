import { ProviderError } from "#errors";
import { findAttempt, noteSourceImage } from "#db/queries/attempts";
import { findPhotoById } from "#db/queries/photo-lookup";
import { findStep } from "#db/queries/steps";
import { findUploadedSource, noteUploadedSource } from "#db/queries/uploaded-sources";
import { originalKey } from "#media/keys";
import { prepareSource } from "#media/source";
import type { InvokeAiClient } from "./adapters/invokeai/client";
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
    const imageName = await bring(attempt.backend, new Uint8Array(png), signal);
    await noteSourceImage(db, { batchId, imageName });
  }

  /** The name of these bytes on a backend, which gets them when it does not have them. */
  async function bring(
    backend: string,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<string> {
    const contentHash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const invokeai = await deps.invokeai(backend);
    const known = await findUploadedSource(db, { backend, contentHash });
    if (known !== undefined && (await isThere(invokeai, known, signal))) return known;
    // Named by nothing of the owner's: InvokeAI may run on somebody else's machine.
    const imageName = await invokeai.uploadImage(
      { bytes: new Blob([bytes]), filename: "source.png", mimeType: "image/png" },
      signal,
    );
    await noteUploadedSource(db, { backend, contentHash, imageName, now: deps.now() });
    return imageName;
  }

  return {
    /** Once per backend and picture; a repeat after a lost answer leaves one more intermediate image there, which nothing names. */
    uploadSource: ({ batchId }: { batchId: string }): Promise<void> =>
      withHeartbeat((signal) => sayingWhyItWaits(db, batchId, () => upload(batchId, signal))),
  };
}

/** Deleted there since, or of an account that is not ours any more: either way it has to be sent. */
async function isThere(
  invokeai: InvokeAiClient,
  imageName: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await invokeai.getImage(imageName, signal);
    return true;
  } catch (error) {
    if (error instanceof ProviderError && !error.retryable) return false;
    throw error;
  }
}
