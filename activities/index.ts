import { log } from "@temporalio/activity";
import { CancelledFailure } from "@temporalio/common";
import { createBackendActivities } from "./backend";
import type { ActivityDeps } from "./deps";
import { createEnqueueActivities } from "./enqueue";
import { toFailure } from "./failures";
import { createHousekeepingActivities } from "./housekeeping";
import { createImportActivities } from "./imports";
import { createPurgeActivities } from "./purge";
import { createReproductionActivities } from "./reproductions";
import { createRetrievalActivities } from "./retrievals";
import { createSessionActivities } from "./sessions";
import { createSettleActivities } from "./settle";
import { createSourceActivities } from "./source";
import { createStepActivities } from "./steps";
import { createWatchActivities } from "./watch";

/** What the workflows call; only the type reaches them. */
export type Activities = ReturnType<typeof createActivities>;

/** Every activity, with its faults made readable for workflows and for whoever looks at a history. */
export function createActivities(deps: ActivityDeps) {
  return withNamedFailures({
    ...createSessionActivities(deps),
    ...createStepActivities(deps),
    ...createSourceActivities(deps),
    ...createEnqueueActivities(deps),
    ...createWatchActivities(deps),
    ...createSettleActivities(deps),
    ...createRetrievalActivities(deps),
    ...createReproductionActivities(deps),
    ...createBackendActivities(deps),
    ...createHousekeepingActivities(deps),
    ...createImportActivities(deps),
    ...createPurgeActivities(deps),
  });
}

function withNamedFailures<Group extends object>(group: Group): Group {
  const wrapped = Object.entries(group).map(([name, activity]) => [name, named(activity)]);
  return Object.fromEntries(wrapped);
}

function named(activity: (input: unknown) => Promise<unknown>) {
  return async (input: unknown) => {
    try {
      return await activity(input);
    } catch (error) {
      if (!(error instanceof CancelledFailure)) log.warn("an activity failed", { error });
      throw toFailure(error);
    }
  };
}
