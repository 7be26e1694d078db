import { defineSignal } from "@temporalio/workflow";
import type { Timings } from "../timings";

/** `stepWorkflowId`: the step that is told when the photo is settled. */
export type PhotoRetrievalInput = {
  photoId: string;
  sessionId?: string;
  stepWorkflowId?: string;
  timings?: Partial<Timings>;
};

export const photoRetrievalId = (photoId: string): string => `photo-retrieval/${photoId}`;

/** Skips the wait before the next attempt. */
export const retryNow = defineSignal("retryNow");
