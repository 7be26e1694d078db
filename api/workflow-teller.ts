import type { RefreshModelsResult } from "#workflows/housekeeping/contract";

/**
 * Tells the workflow service that a row waits for it. The row is the truth: what could not be told
 * (`false`) is found by the reconcile run within a minute, so none of these ever throws or takes
 * more than 2 s.
 */
export interface WorkflowTeller {
  /** A session's row was written. */
  sessionOpened(sessionId: string): Promise<boolean>;
  /** A step's row was written, or a failed one was put back to pending. */
  stepRequested(sessionId: string, stepId: string): Promise<boolean>;
  /** A step's row carries a request to cancel. */
  stepCancelled(sessionId: string, stepId: string): Promise<boolean>;
  /** A session's row was closed. */
  sessionFinished(sessionId: string): Promise<boolean>;
  /** A photo's row was put back to pending, attempts counted from zero. */
  retrievalRetried(photoId: string, sessionId?: string): Promise<boolean>;
  /** A request to make a photo again was written. */
  reproductionRequested(photoId: string): Promise<boolean>;
  /** An import's row was written, or carries a request to cancel. */
  importRequested(importId: string): Promise<boolean>;
  /**
   * Reads the models from InvokeAI now and waits for the result.
   * @throws AppError workflow_unavailable when it cannot be run, invokeai_connection_error when it ran and failed
   */
  refreshModels(): Promise<RefreshModelsResult>;
  /** Does the workflow service answer? */
  isReachable(): Promise<boolean>;
  /** Does a worker ask it for work? */
  hasWorker(): Promise<boolean>;
  /** The page of a run in the web UI; undefined where no web UI is known. */
  workflowUrl(workflowId: string): string | undefined;
  close(): Promise<void>;
}
