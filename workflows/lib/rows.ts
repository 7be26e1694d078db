import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  TemporalFailure,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";

// A cancel waits for the running activity: later activities must see its effects.
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

// Runs inside the workflow task: one event instead of six, and no round trip. 2 s is well below the task's time-out.
const local = proxyLocalActivities<Activities>({
  cancellationType,
  startToCloseTimeout: "2 seconds",
  retry: { maximumAttempts: 1 },
});

// For an unreachable database: Temporal retries until it answers, which adds no events and blocks no workflow task.
const repeated = proxyActivities<Activities>({
  cancellationType,
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
});

/**
 * Activities that touch only rows, no outside service. Each is tried once as a local activity; if that fails, it runs as
 * an ordinary one until the database answers. Each may run twice, also concurrently.
 */
export const rows: Activities = new Proxy(repeated, {
  get: (_, name: keyof Activities) => async (input: never) => {
    const call = { local: local[name], repeated: repeated[name] } as Record<
      "local" | "repeated",
      (input: never) => Promise<unknown>
    >;
    try {
      return await call.local(input);
    } catch (error) {
      if (isCancellation(error) || isFinal(error)) throw error;
      return call.repeated(input);
    }
  },
}) as Activities;

/**
 * A retry cannot help, or the error is the workflow's own. A local activity rejects with the cause, not with an
 * ActivityFailure.
 */
function isFinal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof TemporalFailure)) return true;
  return cause instanceof ApplicationFailure && Boolean(cause.nonRetryable);
}
