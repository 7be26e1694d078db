import { ApplicationFailure } from "@temporalio/common";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";

/** Later than the service's own time-out, which decides. */
const graceMs = 5_000;

/**
 * Ends an attempt after its `startToCloseTimeout`. The service has started another one by then; an attempt that hangs,
 * for example on a database server that no longer answers, would keep a slot of this worker forever.
 */
export const createEndOverdue =
  (grace = graceMs): ActivityInterceptorsFactory =>
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const { promise: overdue, reject } = Promise.withResolvers<never>();
        const end = () =>
          reject(
            ApplicationFailure.retryable("The activity exceeded its time-out.", "activity_overdue"),
          );
        // 0: none.
        const limitMs = info.startToCloseTimeoutMs;
        const timer = limitMs > 0 ? setTimeout(end, limitMs + grace) : undefined;
        try {
          return await Promise.race([next(input), overdue]);
        } finally {
          clearTimeout(timer);
        }
      },
    },
  });
