import { AppError, ProviderError } from "#errors";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import {
  completeRetrieval,
  countFailedRetrieval,
  findUnfetched,
  noteRetrievalWaits,
} from "#db/queries/steps/retrievals";
import { findChangedSettings, getSettings } from "#db/queries/installation/settings";
import type { Photo } from "#db/schema/photos";
import type { StepError } from "#db/schema/steps";
import { fileColumns } from "#library/photo-row";
import { decodeImage, type DecodedImage } from "#media/pictures/ingest";
import { originalKey } from "#media/storage/keys";
import { purgePhotoFiles, storePhotoFiles } from "#media/storage/photo-files";
import type { StagedFile } from "#media/storage/storage";
import { hiresSize } from "#generation-parameters";
import { sha256OfStream } from "#sha256";
import type { FailedAttempt } from "#workflows/photo-retrieval/contract";
import { broken } from "../adapters/http-failures";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import { refreshBackend } from "../backend/backend-probe";
import type { ActivityDeps } from "../deps";
import { createConcurrencyLimit } from "./concurrency-limit";
import { pause, withHeartbeat } from "../heartbeat";
import { lostImages } from "./lost-image";
import { receiveImage } from "./receive-image";
import { withClaim } from "./retrieval-claim";
import { otherProgramReason } from "../generation/wait-reasons";

type FailedImage = { photoId: string; after: FailedAttempt };
type FetchedImages = { failed: FailedImage[]; away: string[] };
type Retrieval =
  | { state: "completed" }
  | { state: "nothing to do" }
  | ({ state: "waiting" | "given up" } & FailedAttempt);

/** Between two checks of a photo that another activity has claimed. */
const pollEveryMs = 250;

/** Fetches generated images. */
export function createRetrievalActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  // Each retrieval holds pixels in memory; the worker's activity slots alone are too many.
  const limited = createConcurrencyLimit(
    everySecond(async () => (await getSettings(db, deps.config))["retrieval.parallel_retrievals"]),
  );

  /** Makes an attempt once no other is running; `isFirst`: only if no attempt has failed before. */
  async function attempt(
    photoId: string,
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<Retrieval> {
    for (;;) {
      const wanted = { photoId, untriedOnly: isFirst };
      const made = await limited(signal, () => withClaim(deps, wanted, retrieve, signal));
      if (made) return made;
      const photo = await findUnfetched(db, photoId);
      if (!photo) return { state: "nothing to do" };
      const { retrievalAttempts: attempts, retrievalError: reason } = photo;
      if (isFirst && attempts > 0) return waiting({ attempts, reason: reason ?? "" });
      await pause(pollEveryMs, signal);
    }
  }

  /** Adds the configured pause. */
  async function waiting(failed: { attempts: number; reason: string }): Promise<Retrieval> {
    const delaySeconds = (await findChangedSettings(db))["retrieval.retry_delay_seconds"];
    return {
      state: "waiting",
      ...failed,
      ...(delaySeconds !== undefined && { delayMs: delaySeconds * 1_000 }),
    };
  }

  async function retrieve(photo: Photo, signal: AbortSignal): Promise<Retrieval> {
    try {
      await fetchImage(photo, signal);
      return { state: "completed" };
    } catch (error) {
      const failure = signal.aborted ? undefined : await classify(photo, error);
      if (!failure) {
        const reason = waitingReason(error);
        if (reason !== undefined) await noteRetrievalWaits(db, { photoId: photo.id, reason });
        throw error;
      }
      const maxAttempts =
        (await findChangedSettings(db))["retrieval.max_attempts"] ??
        deps.config.limits.retrievalMaxAttempts;
      const counted = await countFailedRetrieval(db, { photo, ...failure, maxAttempts });
      if (!counted) return { state: "nothing to do" };
      const { attempts } = counted;
      const { reason } = failure;
      return counted.givenUp
        ? { state: "given up", attempts, reason }
        : waiting({ attempts, reason });
    }
  }

  /** Classifies the error; checks InvokeAI if it failed. */
  async function classify({ backend }: Photo, error: unknown): Promise<Failure | undefined> {
    const failure = readFailure(error);
    if (!(error instanceof ProviderError) || backend === null) return failure;
    const { isOtherProgram } = await refreshBackend(deps, backend);
    return failure && isOtherProgram
      ? { ...failure, reason: otherProgramReason(backend) }
      : failure;
  }

  async function fetchImage(photo: Photo, signal: AbortSignal): Promise<void> {
    const stored = await readStored(photo);
    if (stored) return complete(photo, stored);
    if (photo.backend === null || photo.invokeId === null) throw gone();
    await using staged = await deps.storage.stage("generated", photo.id);
    const image = await download(photo, photo.backend, photo.invokeId, staged, signal);
    await storePhotoFiles(deps.storage, photo, staged, image);
    await complete(photo, image);
  }

  /**
   * The original, stored by an attempt that was killed before it updated the row. Its derivatives were stored before
   * it.
   */
  async function readStored(photo: Photo): Promise<DecodedImage | undefined> {
    const key = originalKey({ kind: "generated", id: photo.id, mimeType: "image/png" });
    const file = await deps.storage.find(key);
    if (!file) return undefined;
    const contentHash = await sha256OfStream(file.content.stream());
    const received = { bytes: file.bytes, contentHash };
    return deps.storage.withLocalFile(key, (path) =>
      decodeImage({ ...received, path }, deps.decodeLimits, expectedOf(photo)),
    );
  }

  async function download(
    photo: Photo,
    backend: string,
    imageName: string,
    staged: StagedFile,
    signal: AbortSignal,
  ): Promise<DecodedImage> {
    const file = await receive(deps, { backend, imageName, staged }, signal);
    return decodeImage({ ...file, path: staged.path }, deps.decodeLimits, expectedOf(photo));
  }

  async function complete(photo: Photo, image: DecodedImage): Promise<void> {
    const isFirst = await completeRetrieval(db, { photo, facts: fileColumns(image) });
    // Purged during the download: its files are removed too.
    if (!isFirst && !(await findPhotoById(db, photo.id))) {
      await purgePhotoFiles(deps.storage, { ...photo, mimeType: image.mimeType });
      return;
    }
    // Staged files of attempts that were killed while downloading. An attempt that still runs finds the photo complete.
    await deps.storage.removeStaged("generated", photo.id);
  }

  return {
    /**
     * One attempt. A repeat stores the same bytes under the same key; only an attempt that ended in a failure is
     * counted.
     */
    retrieveImage: ({ photoId }: { photoId: string }): Promise<Retrieval> =>
      withHeartbeat((signal) => attempt(photoId, false, signal)),

    /**
     * The first attempt at each of these photos. Returns those whose attempt failed and that wait for the next one; a repeat
     * makes no second attempt. `away`: those whose place is not running, which may take longer than their step should.
     * Throws another error that does not count as an attempt, such as a full disk, after all were tried.
     */
    fetchImages: ({ photoIds }: { photoIds: string[] }): Promise<FetchedImages> =>
      withHeartbeat(async (signal) => {
        const settled = await Promise.allSettled(
          photoIds.map(async (photoId) => ({
            photoId,
            made: await attempt(photoId, true, signal).catch(awayOrThrow),
          })),
        );
        const fault = settled.find((each) => each.status === "rejected");
        if (fault) throw fault.reason;
        const tried = settled.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
        const failed = tried.flatMap(({ photoId, made }): FailedImage[] => {
          if (made === "away" || made.state !== "waiting") return [];
          const { state: _, ...after } = made;
          return [{ photoId, after }];
        });
        const away = tried.flatMap(({ photoId, made }) => (made === "away" ? photoId : []));
        return { failed, away };
      }),
  };
}

/** Reads at most once a second, and repeats the last answer in between. */
function everySecond<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { readAt: number; answer: Promise<T> } | undefined;
  return () => {
    const now = performance.now();
    if (!last || now - last.readAt > 1_000) last = { readAt: now, answer: read() };
    return last.answer;
  };
}

/** A 404 counts as `missing` only if InvokeAI itself answers, not another program at its address. */
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
  const { width, height, recipe, region, upscale, hires } = photo.generation ?? {};
  // Of a painted part, and before it was enlarged, the size is not that of the picture. A workflow may make any size.
  if (recipe || region || upscale || width === undefined || height === undefined) return undefined;
  const size = hires ? hiresSize({ width, height }, hires.scale) : { width, height };
  return { mimeType: "image/png", ...size } as const;
}

function gone(): ProviderError {
  const message = lostImages.missing.reason;
  return new ProviderError({ provider: "invokeai", fault: "missing", message, retryable: false });
}

type Failure = {
  reason: string;
  /** A retry cannot help. */
  final: boolean;
  /** Set if the image, once given up, counts as lost and may be generated again. */
  lost?: StepError;
  /** The step, if it is still live, requests it again by itself. */
  isMadeAgain?: boolean;
};

/** What has to happen first, often by a person. No attempt is counted, as that may take longer than all attempts together. */
function waitingReason(error: unknown): string | undefined {
  const afterwards = "The image is fetched when that is done.";
  if (isAway(error)) return `${error.message} The image is fetched once InvokeAI runs there again.`;
  if (error instanceof ProviderError && error.fault === "locked") {
    return `${error.message} ${afterwards}`;
  }
  if (error instanceof AppError && error.code === "storage_error") {
    return `${error.message} ${afterwards}`;
  }
  return undefined;
}

/** A failure of the download, for the row; undefined for our own errors and those that `waitingReason` handles. */
function readFailure(error: unknown): Failure | undefined {
  if (error instanceof ProviderError) {
    const { fault } = error;
    if (fault === "locked" || fault === "away") return undefined;
    if (fault !== "missing" && fault !== "gone") return { reason: reasons[fault], final: false };
    const { reason, error: lost } = lostImages[fault];
    return { reason, final: true, lost, isMadeAgain: fault === "gone" };
  }
  if (error instanceof AppError && error.code !== "storage_error" && error.kind !== "internal") {
    // The error's own message is written for a person who uploads a picture.
    const { reason, error: lost } = lostImages.broken;
    return { reason, final: false, lost };
  }
  return undefined;
}

const reasons = {
  unreachable: "InvokeAI does not answer.",
  timeout: "InvokeAI did not answer in time.",
  rejected: "InvokeAI refused to give the image.",
  broken: "InvokeAI sent an answer that cannot be used.",
  busy: "InvokeAI is busy.",
};

function isAway(error: unknown): error is ProviderError {
  return error instanceof ProviderError && error.fault === "away";
}

function awayOrThrow(error: unknown): "away" {
  if (isAway(error)) return "away";
  throw error;
}
