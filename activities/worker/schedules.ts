import {
  type CalendarSpec,
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from "@temporalio/client";
import type { Config } from "#config";
import {
  housekeepingId,
  housekeepingRun,
  type HousekeepingTask,
} from "#workflows/housekeeping/contract";
import { type Timings, timingsOf } from "#workflows/timings";

type Schedule = { task: HousekeepingTask } & (
  | { every: string | number }
  /** Each night, in the owner's time zone. */
  | { at: Pick<CalendarSpec, "hour" | "minute"> }
);

const schedulesFor = ({ reconcileEveryMs, reapEveryMs }: Timings): Schedule[] => [
  // A request that could not be signalled while the workflow service was away starts at most this long after its return.
  { task: "reconcile", every: reconcileEveryMs },
  { task: "reap-pods", every: reapEveryMs },
  { task: "refresh-models", every: "1 hour" },
  { task: "sweep-files", every: "1 hour" },
  { task: "expire-records", every: "1 hour" },
  // Also finishes interrupted deletions, which should not wait for hours.
  { task: "purge-trash", every: "10 minutes" },
  { task: "back-up", at: { hour: 3, minute: 10 } },
  // After the backup on most machines: both read the disk.
  { task: "verify-originals", at: { hour: 4, minute: 40 } },
];

/** The tasks that have a schedule; `back-up` only where there is a folder for backups. */
export const scheduledTasks: readonly HousekeepingTask[] = schedulesFor(
  timingsOf({ timings: {} }),
).map(({ task }) => task);

/**
 * Creates or updates the schedules; idempotent, also when several workers start at once. Without a folder for backups there
 * is none for them; only a worker that would make them knows that.
 * @param attempt makes each call, and may repeat it
 */
export async function ensureSchedules(
  client: Client,
  timings: Partial<Timings>,
  config: Pick<Config, "backup" | "timeZone" | "worker">,
  attempt: (call: () => Promise<void>) => Promise<void> = (call) => call(),
): Promise<void> {
  for (const schedule of schedulesFor(timingsOf({ timings }))) {
    const isBackup = schedule.task === "back-up";
    if (isBackup && !config.worker.roles.includes("housekeeping")) continue;
    const isWanted = !isBackup || config.backup.folder !== null;
    await attempt(() =>
      isWanted
        ? ensureSchedule(client, schedule, config.timeZone)
        : removeSchedule(client, schedule.task),
    );
  }
}

async function ensureSchedule(client: Client, schedule: Schedule, timezone: string): Promise<void> {
  const { task } = schedule;
  const { type, options } = housekeepingRun(task);
  const isNightly = "at" in schedule;
  const definition = {
    spec: isNightly
      ? { calendars: [schedule.at], timezone }
      : { intervals: [{ every: schedule.every }] },
    action: { type: "startWorkflow" as const, workflowType: type, ...options },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      // After a long downtime one run replaces all that were missed. A machine that is off at night runs at its start.
      catchupWindow: isNightly ? "20 hours" : "1 minute",
    },
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

async function removeSchedule(client: Client, task: HousekeepingTask): Promise<void> {
  try {
    await client.schedule.getHandle(housekeepingId(task)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
