import { and, inArray, isNull } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { steps } from "#db/schema/steps";
import { housekeepingId } from "#workflows/housekeeping/contract";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import type { Ground } from "./ground";

const callTimeoutMs = 2_000;
const healEveryMs = 3_000;

/** Lets the gallery look after its rows every three seconds instead of every minute, by its own schedule. */
export function healOften({ stack: { temporal } }: Ground): { stop(): Promise<void> } {
  const stopping = Promise.withResolvers<void>();
  let isStopping = false;
  const healing = (async () => {
    while (!isStopping) {
      await Promise.race([Bun.sleep(healEveryMs), stopping.promise]);
      // With Temporal away there is nothing to heal with, and where the schedule is missing nothing heals.
      await temporal
        .withDeadline(Date.now() + callTimeoutMs, () =>
          temporal.schedule.getHandle(housekeepingId("reconcile")).trigger(),
        )
        .catch(() => {});
    }
  })();
  return {
    async stop() {
      isStopping = true;
      stopping.resolve();
      await healing;
    },
  };
}

/** Whether each of these steps has ended and none of their images is still to be fetched. */
export async function areOver({ stack }: Ground, stepIds: string[]): Promise<boolean> {
  const { db } = stack.database;
  const live = await db.$count(steps, and(inArray(steps.id, stepIds), isNull(steps.completedAt)));
  if (live > 0) return false;
  const unfetched = inArray(photos.retrievalStatus, ["pending", "processing"]);
  return (await db.$count(photos, and(inArray(photos.stepId, stepIds), unfetched))) === 0;
}

/** What still runs though nothing is left to do: open runs, a turn that nobody gave back. */
export async function listRestless({ stack: { temporal } }: Ground): Promise<string[]> {
  return temporal.withDeadline(Date.now() + callTimeoutMs, async () => {
    const open: string[] = [];
    for await (const { workflowId } of temporal.workflow.list({
      query: "ExecutionStatus = 'Running'",
    })) {
      const isAlways = workflowId === invokeaiBackendId || workflowId.startsWith("housekeeping/");
      if (!isAlways && !workflowId.startsWith("temporal-sys-")) open.push(`${workflowId} is open`);
    }
    const { currentDetails = "" } = await temporal.workflow
      .getHandle(invokeaiBackendId)
      .query<{ currentDetails?: string }>("__temporal_workflow_metadata");
    const isIdle = currentDetails.includes("Nobody generates; 0 steps waiting.");
    return isIdle ? open : [...open, `a turn is left: ${currentDetails}`];
  });
}

/** Where everything stands, for the log of a schedule that did not end. */
export async function describeStandstill({ stack }: Ground): Promise<string> {
  const { db } = stack.database;
  const live = await db
    .select({ id: steps.id, status: steps.status, cancelRequestedAt: steps.cancelRequestedAt })
    .from(steps)
    .where(isNull(steps.completedAt));
  const { queue, held, frozen, faults } = await stack.invokeai.control.state();
  const runs: object[] = [];
  for await (const { workflowId } of stack.temporal.workflow.list({
    query: "ExecutionStatus = 'Running'",
  })) {
    if (workflowId.startsWith("temporal-sys-")) continue;
    const run = stack.temporal.workflow.getHandle(workflowId);
    const { pendingActivities } = (await run.describe()).raw;
    const told = await run
      .query<{ currentDetails?: string }>("__temporal_workflow_metadata")
      .catch((error: Error) => ({ currentDetails: error.message }));
    const activities = pendingActivities?.map(({ activityType, attempt, lastFailure }) => ({
      name: activityType?.name,
      attempt,
      failure: lastFailure?.message,
    }));
    runs.push({ workflowId, says: told.currentDetails, activities });
  }
  return JSON.stringify({ live, invokeai: { queue, held, frozen, faults }, runs }, null, 2);
}
