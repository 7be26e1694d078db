import { log } from "@temporalio/activity";
import { CancelledFailure } from "@temporalio/common";
import type { ActivityInterceptorsFactory } from "@temporalio/worker";
import { toFailure } from "../failures";

/** Maps every error of an activity to a failure that workflows, and readers of a history, understand. */
export const mapFailures: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        // The history holds only the failure's message: the log keeps the cause.
        if (!(error instanceof CancelledFailure)) log.warn("an activity failed", { error });
        throw toFailure(error);
      }
    },
  },
});
