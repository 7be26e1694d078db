import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import { housekeepingId, type HousekeepingTask } from "#workflows/housekeeping/contract";
import { queues } from "#workflows/task-queues";

const schedules: { task: HousekeepingTask; workflowType: string; every: string }[] = [
  // A request that could not be told to the workflow service starts within a minute of its return.
  { task: "reconcile", workflowType: "reconcile", every: "1 minute" },
  { task: "refresh-models", workflowType: "refreshModels", every: "1 hour" },
  { task: "sweep-files", workflowType: "sweepFiles", every: "1 hour" },
  { task: "expire-records", workflowType: "expireRecords", every: "1 hour" },
  // Also finishes a deletion that a crash cut off, which should not take hours.
  { task: "purge-trash", workflowType: "purgeTrash", every: "10 minutes" },
];

/** Makes the schedules what this program says; repeating it changes nothing. */
export async function ensureSchedules(client: Client): Promise<void> {
  for (const { task, workflowType, every } of schedules) {
    const definition = {
      spec: { intervals: [{ every }] },
      action: {
        type: "startWorkflow" as const,
        workflowType,
        args: [],
        taskQueue: queues.main,
        workflowId: housekeepingId(task),
      },
      // After a long stop one run makes up for all that were missed.
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
