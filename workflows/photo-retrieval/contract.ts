import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

/** A failed attempt that another attempt follows. */
export type FailedAttempt = {
  /** How many have failed so far. */
  attempts: number;
  reason: string;
  /** The first pause between two attempts, if configured. */
  delayMs?: number;
};

/**
 * `after`: the failed attempt that started this run, which then begins with a pause; without it, the run begins with an
 * attempt.
 */
export type PhotoRetrievalInput = {
  photoId: string;
  sessionId?: string;
  after?: FailedAttempt;
  timings?: Partial<Timings>;
};

export const photoRetrievalId = (photoId: string): string => `photo-retrieval/${photoId}`;

/** For a photo's row; its session may be gone. */
export const photoRetrievalRun = (photo: {
  photoId: string;
  sessionId: string | null;
  after?: FailedAttempt | undefined;
  timings?: Partial<Timings> | undefined;
}) => {
  const { photoId, sessionId, after, timings } = photo;
  const input: PhotoRetrievalInput = {
    photoId,
    ...(sessionId !== null && { sessionId }),
    ...(after && { after }),
    ...(timings && { timings }),
  };
  return runStart({
    type: "photoRetrieval",
    workflowId: photoRetrievalId(photoId),
    args: [input],
    summary: "Fetch one generated image",
    entity: photoId,
    session: input.sessionId,
    status: after ? "waiting" : "retrieving",
  });
};

/** Skips the wait before the next attempt. */
export const retryNow = defineSignal("retryNow");
