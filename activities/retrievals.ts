import { createHash } from "node:crypto";
import { AppError, ProviderError } from "#errors";
import { findPhotoById } from "#db/queries/photo-lookup";
import {
  beginRetrieval,
  completeRetrieval,
  countFailedRetrieval,
  noteRetrievalWaits,
} from "#db/queries/retrievals";
import { findChangedSettings, getSettings } from "#db/queries/settings";
import type { Photo } from "#db/schema/photos";
import type { StepError } from "#db/schema/steps";
import { ingestImage, type IngestedImage } from "#media/ingest";
import { originalKey } from "#media/keys";
import { purgePhotoFiles, storePhotoFiles } from "#media/photo-files";
import type { StagedFile } from "#media/storage";
import { broken } from "./adapters/http-failures";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import type { ActivityDeps } from "./deps";
import { createGate } from "./gate";
import { withHeartbeat } from "./heartbeat";
import { receiveImage } from "./receive-image";

type Retrieval =
  | { state: "completed" }
  | { state: "nothing to do" }
  | {
      state: "waiting" | "given up";
      attempts: number;
      reason: string;
      /** The first pause between two attempts, where the owner set one. */
      delayMs?: number;
    };

/** Fetches generated images. */
export function createRetrievalActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  // Pixels are held meanwhile, so that the slots of the worker alone are no bound.
  const gate = createGate(
    async () => (await getSettings(db, deps.config))["retrieval.parallel_retrievals"],
  );

  async function retrieve(photoId: string, signal: AbortSignal): Promise<Retrieval> {
    const photo = await beginRetrieval(db, photoId);
    if (!photo) return { state: "nothing to do" };
    try {
      await fetchImage(photo, signal);
      return { state: "completed" };
    } catch (error) {
      const failure = signal.aborted ? undefined : readFailure(error);
      if (!failure) {
        const reason = waitingReason(error);
        if (reason !== undefined) await noteRetrievalWaits(db, { photoId, reason });
        throw error;
      }
      const changed = await findChangedSettings(db);
      const maxAttempts =
        changed["retrieval.max_attempts"] ?? deps.config.limits.retrievalMaxAttempts;
      const delaySeconds = changed["retrieval.retry_delay_seconds"];
      const counted = await countFailedRetrieval(db, { photo, ...failure, maxAttempts });
      if (!counted) return { state: "nothing to do" };
      return {
        state: counted.givenUp ? "given up" : "waiting",
        attempts: counted.attempts,
        reason: failure.reason,
        ...(delaySeconds !== undefined && { delayMs: delaySeconds * 1_000 }),
      };
    }
  }

  async function fetchImage(photo: Photo, signal: AbortSignal): Promise<void> {
    const kept = await readKept(photo);
    if (kept) return complete(photo, kept);
    if (photo.backend === null || photo.invokeId === null) throw gone();
    await using staged = await deps.storage.stage("generated", photo.id);
    const image = await download(photo, photo.backend, photo.invokeId, staged, signal);
    await storePhotoFiles(deps.storage, photo, staged, image);
    await complete(photo, image);
  }

  /** What a run left that was killed between the rename and the row; the derivatives came before it. */
  async function readKept(photo: Photo): Promise<IngestedImage | undefined> {
    const key = originalKey({ kind: "generated", id: photo.id, mimeType: "image/png" });
    const file = await deps.storage.find(key);
    if (!file) return undefined;
    const hash = createHash("sha256");
    for await (const chunk of file.blob.stream()) hash.update(chunk);
    const received = { bytes: file.bytes, sha256: hash.digest("hex") };
    return deps.storage.withLocalFile(key, (path) =>
      ingestImage({ ...received, path }, deps.decodeLimits, expectedOf(photo)),
    );
  }

  async function download(
    photo: Photo,
    backend: string,
    imageName: string,
    staged: StagedFile,
    signal: AbortSignal,
  ): Promise<IngestedImage> {
    const file = await receive(deps, { backend, imageName, staged }, signal);
    return ingestImage({ ...file, path: staged.path }, deps.decodeLimits, expectedOf(photo));
  }

  async function complete(photo: Photo, image: IngestedImage): Promise<void> {
    const facts = {
      mimeType: image.mimeType,
      width: image.width,
      height: image.height,
      fileSize: image.bytes,
      contentHash: image.sha256,
      thumbhash: image.thumbhash,
    };
    const isFirst = await completeRetrieval(db, { photo, facts });
    // Purged while its bytes came: they go as well.
    if (!isFirst && !(await findPhotoById(db, photo.id))) {
      await purgePhotoFiles(deps.storage, { ...photo, mimeType: image.mimeType });
      return;
    }
    // A try that was killed in mid-download could not; one that still runs finds the photo complete.
    await deps.storage.removeStaged("generated", photo.id);
  }

  return {
    /** One attempt. A repeat fetches the same bytes to the same place; only a finished failure is counted. */
    retrieveImage: ({ photoId }: { photoId: string }): Promise<Retrieval> =>
      withHeartbeat((signal) => gate(signal, () => retrieve(photoId, signal))),
  };
}

/** That an image is missing is believed of InvokeAI alone, not of whatever answers in its place. */
const receive: typeof receiveImage = async (deps, wanted, signal) => {
  try {
    return await receiveImage(deps, wanted, signal);
  } catch (error) {
    const isMissing = error instanceof ProviderError && error.fault === "missing";
    if (isMissing && !(await isInvokeAi(await deps.invokeai(wanted.backend), signal))) {
      throw broken("invokeai", "is not what answers at its address", { cause: error });
    }
    throw error;
  }
};

async function isInvokeAi(invokeai: InvokeAiClient, signal: AbortSignal): Promise<boolean> {
  try {
    await invokeai.getVersion(signal);
    return true;
  } catch (error) {
    if (error instanceof ProviderError) return false;
    throw error;
  }
}

function expectedOf(photo: Photo) {
  const { width, height } = photo.generation ?? {};
  if (width === undefined || height === undefined) return undefined;
  return { mimeType: "image/png", width, height } as const;
}

function gone(): ProviderError {
  const message = reasons.missing;
  return new ProviderError({ provider: "invokeai", fault: "missing", message, retryable: false });
}

type Failure = {
  reason: string;
  /** Another try cannot help. */
  final: boolean;
  /** Once it is given up the image counts as lost, and may be made again. */
  lost?: StepError;
};

/** What a person has to do first, which may take longer than all attempts: none is counted. */
function waitingReason(error: unknown): string | undefined {
  const goesOn = "The image is fetched when that is done.";
  if (error instanceof ProviderError && error.fault === "locked") {
    return `${error.message} ${goesOn}`;
  }
  if (error instanceof AppError && error.kind === "storage_full") {
    return `There is no room left for photos; free some space on the server. ${goesOn}`;
  }
  return undefined;
}

/** A failure of the download, in words for the row; undefined for one that is ours, or that `waitingReason` knows. */
function readFailure(error: unknown): Failure | undefined {
  if (error instanceof ProviderError && error.fault !== "locked") {
    const isGone = error.fault === "missing";
    return { reason: reasons[error.fault], final: isGone, ...(isGone && { lost: lostImage }) };
  }
  if (error instanceof AppError && error.kind !== "storage_full" && error.kind !== "internal") {
    const reason = `InvokeAI sent something that is not the image: ${error.message}`;
    return { reason, final: false, lost: brokenImage };
  }
  return undefined;
}

const makeAgain = "Run the step again: what is missing is made again with its seed.";
const lostImage: StepError = {
  code: "invokeai_retrieval_error",
  message: "InvokeAI made an image of this step, but no longer has it.",
  suggestion: makeAgain,
};
const brokenImage: StepError = {
  code: "invokeai_retrieval_error",
  message: "InvokeAI made an image of this step, but what it keeps of it is broken.",
  suggestion: makeAgain,
};

const reasons: Record<Exclude<ProviderError["fault"], "locked">, string> = {
  unreachable: "InvokeAI does not answer.",
  timeout: "InvokeAI did not answer in time.",
  rejected: "InvokeAI refused to give the image.",
  missing: "InvokeAI no longer has the image. Run the step again: it is made again with its seed.",
  broken: "InvokeAI sent an answer that cannot be used.",
  busy: "InvokeAI is busy.",
};
