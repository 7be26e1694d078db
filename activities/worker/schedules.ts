import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import {
  housekeepingId,
  housekeepingRun,
  type HousekeepingTask,
} from "#workflows/housekeeping/contract";
import { type Timings, timingsOf } from "#workflows/timings";

type Schedule = { task: HousekeepingTask; every: string | number };

const schedulesFor = ({ reconcileEveryMs, reapEveryMs }: Timings): Schedule[] => [
  // A request that could not be signalled while the workflow service was away starts at most this long after its return.
  { task: "reconcile", every: reconcileEveryMs },
  { task: "reap-pods", every: reapEveryMs },
  { task: "refresh-models", every: "1 hour" },
  { task: "sweep-files", every: "1 hour" },
  { task: "expire-records", every: "1 hour" },
  // Also finishes interrupted deletions, which should not wait for hours.
  { task: "purge-trash", every: "10 minutes" },
];

/** Creates or updates the schedules; idempotent. */
export async function ensureSchedules(client: Client, timings: Partial<Timings>): Promise<void> {
  for (const { task, every } of schedulesFor(timingsOf({ timings }))) {
    const { type, options } = housekeepingRun(task);
    const definition = {
      spec: { intervals: [{ every }] },
      action: { type: "startWorkflow" as const, workflowType: type, ...options },
      // After a long downtime one run replaces all that were missed.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 minute" },
    };
    try {
      await client.schedule.create({ scheduleId: housekeepingId(task), ...definition });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule
        .getHandle(housekeepingId(task))
        .update((existing) => ({ ...existing, ...definition }));
    }
  }
}
