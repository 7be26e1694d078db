import { and, inArray, isNull } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { steps } from "#db/schema/steps";
import { turns } from "#db/schema/turns";
import { until } from "#tests/support/wait";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import type { TestBed } from "./test-bed";

const callTimeoutMs = 2_000;

/** Whether nothing is generated for these steps any more; their images may be missing. */
export async function haveStepsEnded({ stack }: TestBed, stepIds: string[]): Promise<boolean> {
  const isLive = and(inArray(steps.id, stepIds), isNull(steps.completedAt));
  return (await stack.database.db.$count(steps, isLive)) === 0;
}

/** Whether all these steps have ended and all their images are retrieved. */
export async function haveEnded(bed: TestBed, stepIds: string[]): Promise<boolean> {
  const { db } = bed.stack.database;
  if (!(await haveStepsEnded(bed, stepIds))) return false;
  const unfetched = inArray(photos.retrievalStatus, ["pending", "processing"]);
  return (await db.$count(photos, and(inArray(photos.stepId, stepIds), unfetched))) === 0;
}

/** Waits until no run is open and no turn is held. */
export async function openWorkEnds(bed: TestBed, timeoutMs: number): Promise<void> {
  let open: string[] = [];
  await until(
    "the end of all runs",
    async () => {
      open = await listOpenWork(bed).catch((error) => [String(error)]);
      return open.length === 0;
    },
    timeoutMs,
    () => open.join("\n"),
    // A check costs Temporal and the worker more than the work that is waited for.
    500,
  );
}

/** What is still open although all work is done: runs, or a turn that was not released. */
async function listOpenWork({ stack }: TestBed): Promise<string[]> {
  const { temporal, database } = stack;
  return temporal.withDeadline(Date.now() + callTimeoutMs, async () => {
    const open: string[] = [];
    for await (const { workflowId } of temporal.workflow.list({
      query: "ExecutionStatus = 'Running'",
    })) {
      const isPermanent =
        workflowId === invokeaiBackendId || workflowId.startsWith("housekeeping/");
      if (!isPermanent && !workflowId.startsWith("temporal-sys-"))
        open.push(`${workflowId} is open`);
    }
    const left = await database.db.select().from(turns);
    return [...open, ...left.map((turn) => `a turn is not released: ${JSON.stringify(turn)}`)];
  });
}

/** The current state, for the log of a schedule that did not end. */
export async function describeState({ stack }: TestBed): Promise<string> {
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
    const metadata = await run
      .query<{ currentDetails?: string }>("__temporal_workflow_metadata")
      .catch((error: Error) => ({ currentDetails: error.message }));
    const activities = pendingActivities?.map(({ activityType, attempt, lastFailure }) => ({
      name: activityType?.name,
      attempt,
      failure: lastFailure?.message,
    }));
    runs.push({ workflowId, says: metadata.currentDetails, activities });
  }
  return JSON.stringify({ live, invokeai: { queue, held, frozen, faults }, runs }, null, 2);
}
